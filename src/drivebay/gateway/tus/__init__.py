"""tus 1.0 (https://tus.io/protocols/resumable-upload): resumable uploads whose bytes go through the gateway."""
