"""The types of the published text files."""

from __future__ import annotations

# The 14 published weight types (MODEL_FACTS 8.1).
TYPES = ["F16", "Q8_0", "Q6_K", "Q5_K_M", "Q5_K_S", "Q4_K_M", "IQ4_NL", "IQ4_XS"]
TYPES += ["Q3_K_M", "Q2_K", "IQ2_M", "IQ2_XXS", "IQ1_M", "IQ1_S"]
