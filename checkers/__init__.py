"""What "correct" means, and how runs are searched. Nothing here formats anything."""
