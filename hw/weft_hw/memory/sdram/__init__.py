"""SDR SDRAM behind the memory port: chips, what is known of their banks, and the controller."""
