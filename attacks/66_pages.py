"""A PDF whose pages hold themselves, are of any size, or are drawn by a program without end.

InputError, in seconds and within the sandbox.
"""

from stage import rejects, survives
from tests.pdfs import pdf

import jina_omni

survives(jina_omni.Pdf(pdf(b"<</Type/Pages/Kids[2 0 R 2 0 R]/Count 2>>", b"<<>>")))
page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 %d %d]/Contents 4 0 R/Resources<</XObject<</X 4 0 R>>>>>>"
kids = b"<</Type/Pages/Kids[3 0 R]/Count 1>>"
form = b"<</Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</X 4 0 R>>>>/Length 5>>stream\n/X Do\nendstream"
survives(jina_omni.Pdf(pdf(kids, page % (200, 200), form)))
rejects(jina_omni.Pdf(pdf(kids, page % (14_400, 14_400), form)), jina_omni.InputError, "over the limit")
rejects(jina_omni.Pdf(pdf(kids, page % (200, 200), form)[:200]), jina_omni.DecodeError, "")
rejects(jina_omni.Pdf(pdf(kids, page % (200, 200), form), pages=range(10**9)), jina_omni.InputError, "has no page 1")
rejects(jina_omni.Pdf(pdf(kids, page % (200, 200), form), dpi=1e308), jina_omni.InputError, "dpi")
