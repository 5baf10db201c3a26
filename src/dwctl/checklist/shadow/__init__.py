"""Shadow workflows: started for nobody, to see a worker bring them where they should be."""
