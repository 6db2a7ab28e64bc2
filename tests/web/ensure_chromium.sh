#!/usr/bin/env bash
# Makes sure that the browser tests find a Chromium: the one that CHROMIUM names, one on the PATH,
# the system's package where this user may install it, or Playwright's own.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

if [[ -n "${CHROMIUM:-}" ]]; then
  [[ -x "$CHROMIUM" ]] || { echo "CHROMIUM=$CHROMIUM is not a program that can be run" >&2; exit 1; }
  exit 0
fi

on_path() {
  command -v chromium chromium-browser google-chrome google-chrome-stable > /dev/null
}

on_path && exit 0
if [[ $(id -u) -eq 0 ]] && command -v apt-get > /dev/null; then
  echo "Installing Chromium"
  log=$(mktemp)
  { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends chromium; } \
    > "$log" 2>&1 || tail -n 5 "$log" >&2
  rm -f "$log"
  on_path && exit 0
fi
if ! .venv/bin/python -m playwright install chromium; then
  echo "There is no Chromium and Playwright could not install one: sudo apt-get install chromium," \
    "or set CHROMIUM to the browser's path" >&2
  exit 1
fi
