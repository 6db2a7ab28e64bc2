"""Two small systems to compare with, written as vendors' samples and as a simple web view."""
