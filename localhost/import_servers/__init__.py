"""Registering many servers at once, from an Ansible inventory or a configuration of OpenSSH's client."""
