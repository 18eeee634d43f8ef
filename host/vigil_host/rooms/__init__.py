"""Room bridges: they hear and reach devices for the home's one primary bridge, and can read nothing themselves."""
