"""`make demo`: the main job before the user's eyes."""
