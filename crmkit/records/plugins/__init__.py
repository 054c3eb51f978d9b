"""The life of plugins on a site: started, switched, archived, purged; data stay unless purged."""
