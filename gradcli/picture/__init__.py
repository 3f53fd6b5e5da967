"""Pictures of a run: what they show, where it stands, how it is drawn."""
