"""What everything stands on: errors, files, settings, tables of names, text, processes."""
