"""The bridge's ends of the air: hears adverts, keeps a record session with every device."""
