"""A PDF whose pages contain themselves, are of any size, or are drawn by an endless program.

InputError, in seconds and within the sandbox.
"""

from stage import expect_error, expect_vector_or_error

import jina_omni
from testing.pdfs import INCH, document, forms_of_forms

one = document((INCH, b"/X Do"), forms=[(b"/BBox[0 0 9 9]", b"/X Do")])
expect_vector_or_error(jina_omni.Pdf(one.replace(b"/Kids[4 0 R]", b"/Kids[2 0 R]")))  # pages of themselves
expect_vector_or_error(jina_omni.Pdf(one.replace(b"/X 7 0 R", b"/X 6 0 R")))  # a form that draws itself
expect_error(jina_omni.Pdf(forms_of_forms()), jina_omni.InputError, "to draw")
huge = document((b"/MediaBox[0 0 14400 14400]", b""))
expect_error(jina_omni.Pdf(huge), jina_omni.InputError, "over the limit")
expect_error(jina_omni.Pdf(one[:200]), jina_omni.DecodeError, "")
expect_error(jina_omni.Pdf(one, pages=range(10**9)), jina_omni.InputError, "has no page 1")
expect_error(jina_omni.Pdf(one, dpi=1e308), jina_omni.InputError, "dpi")
