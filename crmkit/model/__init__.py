"""What a plugin declares: tables, entities, lifecycles, and the context it is handed."""
