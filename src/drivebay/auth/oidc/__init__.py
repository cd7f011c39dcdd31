"""Sign-in with an identity provider (OpenID Connect)."""
