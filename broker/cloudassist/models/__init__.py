"""What the operations return: one pydantic model per noun of the API.

Attributes are snake_case; ``model_dump(by_alias=True)`` is the API's JSON, with its PascalCase names and its times.
"""
