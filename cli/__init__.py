"""The command line `roomkeeper`: looks at agents and acts on them through the registry's API."""

__all__: list[str] = []
