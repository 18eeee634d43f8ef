"""The page: what the bridge shows to the people in the house."""
