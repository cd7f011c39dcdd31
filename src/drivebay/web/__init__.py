"""The web app: static files that the gateway serves, and the policy under which a browser runs them."""
