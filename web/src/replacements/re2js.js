// Replaces `re2js`, which the Firebase SDK needs only for pipelines with regular expressions.
// The page runs no pipeline, and the original would be a third of all script.

export class RE2JS {
  static compile() {
    throw new Error("regular expressions in pipelines are left out of this bundle");
  }
}
