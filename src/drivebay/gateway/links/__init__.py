"""Links over HTTP: routes for users who create links, and public routes for the holders of a link."""
