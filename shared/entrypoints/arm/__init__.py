"""The REST interface of Microsoft.Maintenance, and Muster's own paths beneath a run."""
