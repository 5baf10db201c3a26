"""Items 10 and 12: bundles that are to be imported, and archives that are to be kept."""
