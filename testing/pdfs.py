"""PDF documents that are written by hand, well-meant and hostile."""

import zlib

INCH = b"/MediaBox[0 0 72 72]"  # 150 x 150 pixels


def document(*pages, trailer=b"", n_pages=None, filters=b"", forms=()):
    """Write a PDF by hand; each page is its dictionary's entries and its content.

    So is each form, which may draw the next as X; pages may draw the first. G makes what is drawn half transparent.
    """
    first = 4
    first_form = first + 2 * len(pages)
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Count %d/Kids[%s]>>"
        % (n_pages or len(pages), b" ".join(b"%d 0 R" % (first + 2 * i) for i in range(len(pages)))),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    for i, (entries, content) in enumerate(pages):
        resources = b"/Resources<</Font<</F 3 0 R>>/XObject<</X %d 0 R>>/ExtGState<</G<</ca .5>>>>>>" % first_form
        objects.append(b"<</Type/Page/Parent 2 0 R%s/Contents %d 0 R%s>>" % (entries, first + 2 * i + 1, resources))
        objects.append(stream(filters, content))
    for i, (entries, content) in enumerate(forms, 1):
        resources = b"/Resources<</XObject<</X %d 0 R>>/ExtGState<</G<</ca .5>>>>>>" % (first_form + i)
        objects.append(stream(b"/Type/XObject/Subtype/Form" + entries + resources, content))
    data, offsets = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        offsets.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    size = len(objects) + 1
    return data + b"xref\n0 %d\n0000000000 65535 f \n%strailer<</Size %d/Root 1 0 R%s>>\nstartxref\n%d\n%%%%EOF\n" % (
        size,
        table,
        size,
        trailer,
        len(data),
    )


def stream(entries, content):
    return b"<<%s/Length %d>>stream\n%s\nendstream" % (entries, len(content), content)


def forms_of_forms(n_blank=0):
    """Write a page that draws a form twice, which draws a form twice, and so on 24 times; and blank pages."""
    box = b"/BBox[0 0 72 72]"
    forms = [(box, b"/X Do /X Do")] * 23 + [(box, b"0 0 9 9 re f")]
    return document((INCH, b"/X Do"), *[(INCH, b"")] * n_blank, forms=forms)


def layers(depth, side):
    """Write a large page of half-transparent layers, one in the other."""
    entries = b"/BBox[0 0 %d %d]/Group<</S/Transparency>>" % (side, side)
    content = b"/G gs /X Do"
    forms = [(entries, content)] * (depth - 1) + [(entries, b"0 0 %d %d re f" % (side, side))]
    return document((b"/MediaBox[0 0 %d %d]" % (side, side), content), forms=forms)


def unpacking(n_bytes, times):
    """Write a page whose content becomes so many bytes when it is unpacked once, or twice."""
    unit = b"0 0 9 9 re f " * (1 << 16)
    packer = zlib.compressobj(9)
    # What was flushed so depends on nothing before it.
    head, body = (packer.compress(unit) + packer.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    data = head + body * (n_bytes // len(unit))
    if times == 2:
        data = zlib.compress(data, 9)
    return document((INCH, data), filters=b"/Filter[%s]" % (b"/FlateDecode" * times))


def rectangle(colour, x, y, width, height):
    return b"%d %d %d rg %d %d %d %d re f " % (*(c // 255 for c in colour), x, y, width, height)
