-- PostgreSQL runs this file when it creates its data folder.
CREATE DATABASE seaweedfs;
