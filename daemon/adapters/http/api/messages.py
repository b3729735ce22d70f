"""What requests bring and answers hold: the two kinds of models that all shapes are made of."""

from pydantic import BaseModel, ConfigDict


class Input(BaseModel):
    """What a request brings: nothing unknown is taken, and what was sent is not echoed."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class NoInput(Input):
    """A request without parameters of this kind."""


class Output(BaseModel):
    """What an answer holds; described as it is written, not as it could be read."""

    # The second key is openapi-pydantic's own.
    model_config = ConfigDict(frozen=True, json_schema_mode="serialization")  # type: ignore[typeddict-unknown-key]
