"""`bmcha bench`: what this machine makes of the service, beside others. Nothing here ships
decisions."""
