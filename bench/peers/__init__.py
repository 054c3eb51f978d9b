"""Other systems that do the same, to be measured in the same run."""
