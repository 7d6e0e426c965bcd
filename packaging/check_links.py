"""Checks that each link of a site leads to a file of the site, and to an anchor in it.

Links to other sites are not checked. Run it with ``python3 check_links.py FOLDER``.
"""

import html.parser
import pathlib
import sys
import urllib.parse


class Page(html.parser.HTMLParser):
    """The links and anchors of a page."""

    def __init__(self, text):
        super().__init__()
        self.links = []
        self.anchors = set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.anchors.update(filter(None, [attributes.get("id"), attributes.get("name")]))
        # Styles and icons are mdBook's own.
        if tag in ("a", "img", "script"):
            self.links += filter(None, [attributes.get("href"), attributes.get("src")])


def problems(folder, pages):
    """Yields each link that leads nowhere."""
    for path, page in pages.items():
        for link in page.links:
            parts = urllib.parse.urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / urllib.parse.unquote(parts.path)).resolve()
            if not parts.path:
                target = path
            elif target.is_dir():
                target /= "index.html"
            anchor = urllib.parse.unquote(parts.fragment)
            if not target.is_relative_to(folder) or not target.exists():
                yield f"{path.relative_to(folder)}: there is no {link}"
            elif anchor and target in pages and anchor not in pages[target].anchors:
                yield f"{path.relative_to(folder)}: there is no anchor {link}"


def main():
    folder = pathlib.Path(sys.argv[1]).resolve()
    # 404.html is shown at any address, so its links are relative to the root of a site. print.html
    # repeats all other pages.
    skipped = ("404.html", "print.html")
    files = [file for file in folder.rglob("*.html") if file.name not in skipped]
    pages = {file: Page(file.read_text()) for file in files}
    found = list(problems(folder, pages))
    links = sum(len(page.links) for page in pages.values())
    print(f"{len(pages)} pages, {links} links, {len(found)} of them lead nowhere")
    if found or links < 100:
        sys.exit("\n".join(found) or "there are too few links")


main()
