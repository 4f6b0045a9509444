"""Program files with right checksums and wrong contents."""
