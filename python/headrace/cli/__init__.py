"""What ``python -m headrace`` does."""
