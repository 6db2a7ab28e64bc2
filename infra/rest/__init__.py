"""Requests for which gcloud has no command: Firestore's rules, one document and dedicated endpoints."""
