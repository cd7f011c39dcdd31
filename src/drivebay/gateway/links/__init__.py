"""Links over HTTP: for those who make them, and for those who hold one."""
