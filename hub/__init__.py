"""The commune's hub: keeps programmes, gives each cluster its plan, and knows how every cluster is."""
