"""The bounds of settings by their units: a percentage given as a fraction, or a second as a millisecond, is caught."""

from typing import Annotated

from msgspec import Meta

Percent = Annotated[float, Meta(ge=0.0, le=100.0)]
Heat = Annotated[float, Meta(ge=0.0, le=100.0)]
Weight = Annotated[float, Meta(ge=0.0, le=1.0)]
Rate = Annotated[float, Meta(ge=0.0, le=0.02)]
Bps = Annotated[float, Meta(ge=0.0, le=200.0)]
Fraction = Annotated[float, Meta(gt=0.0, le=1.0)]
Ratio = Annotated[float, Meta(gt=0.0, le=100.0)]
Seconds = Annotated[int, Meta(ge=1, le=604_800)]
SecondsOrOff = Annotated[int, Meta(ge=0, le=604_800)]
Milliseconds = Annotated[int, Meta(ge=0, le=60_000)]
Days = Annotated[float, Meta(ge=0.0, le=365.0)]
Count = Annotated[int, Meta(ge=1, le=500)]
Bars = Annotated[int, Meta(ge=1, le=1_000)]
Amount = Annotated[float, Meta(ge=0.0, le=1e12)]
