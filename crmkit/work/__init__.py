"""Work besides requests: durable jobs, their order and their moments, and who works them."""
