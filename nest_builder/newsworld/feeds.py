"""Feeds of the outlets: RSS 2.0 (plain, with media:content, malformed) and Atom; sitemaps."""

from datetime import datetime
from email.utils import format_datetime
from xml.sax.saxutils import escape, quoteattr

from nest_builder.newsworld.markup import plain
from nest_builder.newsworld.model import CUTOFF, NOW, Article, Outlet
from nest_builder.newsworld.pages import listed_articles
from nest_builder.newsworld.pictures import CONTENT_TYPES
from nest_builder.newsworld.world import World


def feed(world: World, outlet: Outlet, now: datetime = NOW) -> str:
    """The feed of an outlet, with all of its articles and the further addresses of some, as it stands at ``now``.

    An entry's faults are its own for good: they do not move on when news comes in above it.

    Raises:
        ValueError: The outlet has no feed.
    """
    if not outlet.feed:
        raise ValueError(f"{outlet.name} has no feed")
    entries = [(world.faults.link(article.url), article) for article in listed_articles(world, outlet)]
    mine = {article.url for _, article in entries}
    entries += [(again, world.articles[url]) for again, url in world.faults.second.items() if url in mine]
    numbered = [(number, *entry) for number, entry in enumerate(entries) if entry[1].published <= now]
    built = last_change(world, outlet, now)
    return _atom(outlet, numbered, built) if outlet.feed == "atom" else _rss(world, outlet, numbered, built)


def last_change(world: World, outlet: Outlet, now: datetime) -> datetime:
    """When an outlet's lists changed last: with its newest article. At the end of the world's time: then."""
    if now >= NOW:
        return NOW
    return max((article.published for article in listed_articles(world, outlet, now)), default=CUTOFF)


def _rss(world: World, outlet: Outlet, entries: list[tuple[int, str, Article]], built: datetime) -> str:
    items = []
    for number, link, article in entries:
        broken = outlet.feed == "rss-broken"
        title = escape(plain(article.title))
        date = format_datetime(article.published, usegmt=True)
        if broken and number % 9 == 3:
            title += " & more"  # an ampersand that nobody escaped
        if broken and number % 11 == 5:
            date = f"{article.published:%d.%m.%Y} noon-ish"
        extra = ""
        if outlet.feed == "rss-media" and article.figures:
            photo = world.photos[article.figures[0].url]
            kind = CONTENT_TYPES[photo.format]
            extra = (
                f'<media:content url={quoteattr(photo.url)} type="{kind}" medium="image" width="{photo.width}" '
                f'height="{photo.height}"><media:description>{escape(plain(article.figures[0].caption))}</media:description>'
                f"<media:credit>{escape(article.figures[0].credit)}</media:credit></media:content>"
            )
        if outlet.feed == "rss-broken":
            body = "".join(f"<p>{escape(plain(text))}</p>" for text in article.paragraphs[:2])
            extra = f"<content:encoded><![CDATA[{body}]]></content:encoded>"
        items.append(
            f"<item><title>{title}</title><link>{escape(link)}</link>"
            f'<guid isPermaLink="false">{escape(article.url)}</guid>'
            f"<pubDate>{date}</pubDate><category>{article.section}</category>"
            f"<dc:creator>{escape(', '.join(article.authors))}</dc:creator>"
            f"<description>{escape(plain(article.paragraphs[0])[:180])}</description>{extra}</item>"
        )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<rss version="2.0" xmlns:media="http://search.yahoo.com/mrss/" '
        'xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:dc="http://purl.org/dc/elements/1.1/"><channel>'
        f"<title>{escape(outlet.name)}</title><link>http://{outlet.host}/</link>"
        f"<description>News from {escape(outlet.name)}</description>"
        f"<language>{outlet.language}</language><lastBuildDate>{format_datetime(built, usegmt=True)}"
        "</lastBuildDate>\n" + "\n".join(items) + "\n</channel></rss>\n"
    )


def _atom(outlet: Outlet, entries: list[tuple[int, str, Article]], built: datetime) -> str:
    items = [
        f"<entry><title>{escape(plain(article.title))}</title><id>{escape(link)}</id>"
        f'<link rel="alternate" type="text/html" href={quoteattr(link)}/>'
        f"<published>{article.published.isoformat()}</published><updated>{article.published.isoformat()}</updated>"
        + "".join(f"<author><name>{escape(name)}</name></author>" for name in article.authors)
        + f'<summary type="text">{escape(plain(article.paragraphs[0])[:180])}</summary></entry>'
        for _, link, article in entries
    ]
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom">'
        f"<title>{escape(outlet.name)}</title><id>http://{outlet.host}/</id><updated>{built.isoformat()}</updated>"
        f'<link rel="self" href="http://{outlet.host}/atom.xml"/>\n' + "\n".join(items) + "\n</feed>\n"
    )


def sitemap(world: World, outlet: Outlet, now: datetime = NOW) -> str:
    """All pages of an outlet that were published by ``now``."""
    rows = "".join(
        f"<url><loc>{escape(world.faults.link(a.url))}</loc><lastmod>{a.published:%Y-%m-%d}</lastmod></url>\n"
        for a in listed_articles(world, outlet, now)
    )
    head = '<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n'
    return f"{head}{rows}</urlset>\n"
