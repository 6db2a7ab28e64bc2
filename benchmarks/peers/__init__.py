"""Two small peers, built as samples and a student's first version are, to measure ours beside."""
