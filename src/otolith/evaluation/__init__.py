"""The honest measure: whole people held out, several draws of labels, every baseline beside the claim."""
