"""Views, layout, elements picked and written, tensors joined."""
