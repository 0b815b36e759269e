"""HTML of the outlets: three house styles, each with the boilerplate that an extractor has to see through."""

# ruff: noqa: E501 (markup is written as the sites write it)
import json
from datetime import datetime
from typing import Any, Final

from jinja2 import DictLoader, Environment

from nest_builder.newsworld.markup import plain
from nest_builder.newsworld.model import NOW, Article, Outlet, chance
from nest_builder.newsworld.world import World

SECTIONS: Final = ("business", "technology", "city", "sport", "politics", "culture")
_TEASERS: Final = (
    "Ten things to do this weekend", "Quiz: how well do you know your town?", "Recipe: potato soup with leek",
    "Subscribers only: our best long reads", "Crossword of the day", "Podcast: the week in review", "Horoscope", "Traffic report",
)  # fmt: skip
_COMMENTS: Final = (
    "First!", "I was there and it was great.", "Who pays for all this?", "Nice pictures.", "The old one was better.", "Can anyone tell me where to park?",
)  # fmt: skip
_HEAD: Final = """<head><meta charset="utf-8"><title>{{ title }} | {{ outlet.name }}</title>
{% if noai %}<meta name="robots" content="noai, noimageai">{% endif %}
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="canonical" href="{{ url }}">
{% if feed %}<link rel="alternate" type="{{ 'application/atom+xml' if 'atom' in feed else 'application/rss+xml' }}" href="{{ feed }}">{% endif %}
<link rel="stylesheet" href="/assets/site.css">
<script>window.dataLayer = window.dataLayer || []; function track(e) { window.dataLayer.push(e); }</script>"""
_META: Final = """<meta property="og:type" content="article"><meta property="og:title" content="{{ title }}">
<meta property="og:url" content="{{ url }}"><meta property="og:site_name" content="{{ outlet.name }}">
<meta property="article:published_time" content="{{ iso }}">{% if lead %}<meta property="og:image" content="{{ lead.url }}">{% endif %}
<meta name="author" content="{{ authors }}"><meta name="description" content="{{ description }}">"""
_TEMPLATES: Final = {
    "head": _HEAD,
    "meta": _META,
    "semantic": """<!DOCTYPE html>
<html lang="{{ outlet.language }}">{% include "head" %}{% include "meta" %}
<script type="application/ld+json">{{ jsonld|safe }}</script></head>
<body><div class="consent-banner" role="dialog"><p>We value your privacy. We and our 143 partners store cookies on your device.</p><button>Accept all</button></div>
<header><a href="/"><img src="/assets/logo.png" alt="{{ outlet.name }}" width="180" height="40"></a>
<nav><ul>{% for s in sections %}<li><a href="/section/{{ s }}">{{ s|capitalize }}</a></li>{% endfor %}<li><a href="/newsletter">Newsletter</a></li></ul></nav></header>
<main><article><header><h1>{{ title }}</h1>{% if standfirst %}<p class="standfirst">{{ standfirst }}</p>{% endif %}
<p class="byline">By {{ authors }}</p><time datetime="{{ iso }}">{{ human }}</time></header>
{% for block in blocks %}{% if block.figure %}<figure><img src="{{ block.figure.url }}" alt="{{ block.figure.alt }}" width="{{ block.figure.width }}" height="{{ block.figure.height }}" loading="lazy"><figcaption>{{ block.figure.caption }} <span class="credit">{{ block.figure.credit }}</span></figcaption></figure>
{% else %}<p>{{ block.text }}</p>
{% if block.ad %}<aside class="ad" aria-label="Advertisement"><span>Advertisement</span><img src="/ads/banner-{{ block.ad }}.png" width="468" height="60" alt=""></aside>
{% endif %}{% endif %}{% endfor %}
{% if correction %}<p class="correction"><em>{{ correction }}</em></p>{% endif %}
<footer class="share"><a href="#">Share</a> <a href="#">Print</a></footer></article>
<aside class="related"><h2>More on this</h2><ul>{% for r in related %}<li><a href="{{ r.url }}">{{ r.title }}</a></li>{% endfor %}</ul></aside>
<section class="comments"><h2>Comments ({{ comments|length }})</h2>{% for c in comments %}<div class="comment"><b>user{{ loop.index * 37 }}</b><p>{{ c }}</p></div>{% endfor %}</section></main>
<footer><p>© 2025 {{ outlet.name }}. All rights reserved.</p><a href="/about">About us</a> <a href="/privacy">Privacy</a></footer>
<img src="/assets/pixel.gif?p={{ number }}" width="1" height="1" alt=""></body></html>""",
    "soup": """<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">
<html>{% include "head" %}
<meta name="author" content="{{ authors }}"><meta name="date" content="{{ iso }}"><meta property="og:title" content="{{ title }}"><meta property="og:type" content="article"></head>
<body><div id="wrap"><div id="top"><div class="logo"><a href="/"><img src="/assets/logo.png" alt="logo"></a></div>
<div class="menu">{% for s in sections %}<a href="/section/{{ s }}">{{ s|capitalize }}</a> | {% endfor %}<a href="/contact">Contact</a></div></div>
<div class="col-l"><div class="box">Most read<br>{% for t in teasers %}<a href="/misc/{{ loop.index }}">{{ t }}</a><br>{% endfor %}</div><img src="/assets/spacer.gif" width="160" height="1" alt=""></div>
<div class="col-m"><div class="story" id="story-{{ number }}"><h1 class="hl">{{ title }}</h1><div class="meta">{{ human }} &middot; {{ authors }}</div>
<div class="story-body">{% if standfirst %}<p class="intro"><b>{{ standfirst }}</b></p>{% endif %}
{% for block in blocks %}{% if block.figure %}<div class="pic"><img class="photo" src="{{ block.figure.url }}" alt="{{ block.figure.alt }}"><p class="caption">{{ block.figure.caption }} Photo: {{ block.figure.credit }}</p></div>
{% else %}<p>{{ block.text }}</p>
{% if block.ad %}<div class="advert"><img src="/ads/banner-{{ block.ad }}.png" alt="ad"></div>
{% endif %}{% endif %}{% endfor %}{% if correction %}<p><i>{{ correction }}</i></p>{% endif %}</div>
<div class="tools">Share: <a href="#">Mail</a> <a href="#">Print</a></div></div></div>
<div class="col-r"><div class="newsletter">Get our newsletter! <form action="/subscribe"><input name="mail"><input type="submit" value="Sign up"></form></div>
<div class="more">Read also:{% for r in related %}<div><a href="{{ r.url }}">{{ r.title }}</a></div>{% endfor %}</div></div>
<div id="foot">{{ outlet.name }} &copy; 2025 | Imprint | Terms of use</div></div><img src="/assets/pixel.gif?p={{ number }}" width="1" height="1" alt=""></body></html>""",
    "magazine": """<!doctype html>
<html lang="{{ outlet.language }}">{% include "head" %}{% include "meta" %}<script type="application/ld+json">{{ jsonld|safe }}</script></head>
<body class="single"><div class="gdpr"><p>This site uses cookies to improve your experience.</p><a href="#">OK</a></div>
<div class="site-header"><a class="brand" href="/">{{ outlet.name }}</a><ul class="nav">{% for s in sections %}<li><a href="/section/{{ s }}">{{ s|capitalize }}</a></li>{% endfor %}</ul></div>
<div class="grid"><div class="main-column"><span class="kicker">{{ section|upper }}</span><h1 class="entry-title">{{ title }}</h1>
{% if standfirst %}<h2 class="dek">{{ standfirst }}</h2>{% endif %}<div class="entry-meta">by <a rel="author" href="/authors">{{ authors }}</a> on <time datetime="{{ iso }}">{{ human }}</time></div>
<div class="entry-content">
{% for block in blocks %}{% if block.figure %}<figure class="wp-caption"><a href="{{ block.figure.url }}"><img data-lazy="1" src="{{ block.figure.url }}" srcset="{{ block.figure.url }} {{ block.figure.width }}w" alt="{{ block.figure.alt }}"></a><figcaption class="wp-caption-text">{{ block.figure.caption }} (Photo: {{ block.figure.credit }})</figcaption></figure>
{% else %}<p>{{ block.text }}</p>
{% if block.ad %}<div class="ad-slot" data-slot="{{ block.ad }}"><small>Sponsored</small><img src="/ads/banner-{{ block.ad }}.png" alt=""></div>
{% endif %}{% endif %}{% endfor %}{% if correction %}<p class="note">{{ correction }}</p>{% endif %}
</div><div class="subscribe-box"><h3>Never miss a story</h3><p>Sign up for our daily newsletter and get the best of {{ outlet.name }} in your inbox.</p></div>
<div class="author-box"><p>{{ authors }} writes for {{ outlet.name }}.</p></div>
<div class="related-posts"><h3>You may also like</h3>{% for r in related %}<a href="{{ r.url }}">{{ r.title }}</a>{% endfor %}</div></div>
<div class="sidebar"><h4>Trending</h4><ol>{% for t in teasers %}<li>{{ t }}</li>{% endfor %}</ol></div></div>
<footer>{{ outlet.name }} | Privacy policy | Cookie settings</footer></body></html>""",
    "front": """<!DOCTYPE html>
<html lang="{{ outlet.language }}"><head><meta charset="utf-8"><title>{{ heading }}</title>{% if feed %}<link rel="alternate" type="application/rss+xml" href="{{ feed }}">{% endif %}</head>
<body><header><h1><a href="/">{{ outlet.name }}</a></h1><nav>{% for s in sections %}<a href="/section/{{ s }}">{{ s|capitalize }}</a> {% endfor %}<a href="/about">About</a></nav></header>
<main>{% for i in items %}<div class="teaser"><h2><a href="{{ i.url }}">{{ i.title }}</a></h2><p>{{ i.summary }}</p><span class="date">{{ i.human }}</span></div>
{% endfor %}</main><footer><a href="/privacy">Privacy</a> <a href="/about">About us</a></footer></body></html>""",
    "plain": """<!DOCTYPE html><html><head><title>{{ heading }}</title></head><body><h1>{{ heading }}</h1><p>{{ text }}</p></body></html>""",
}
_ENVIRONMENT: Final = Environment(loader=DictLoader(_TEMPLATES), autoescape=True, trim_blocks=True)


def feed_path(outlet: Outlet) -> str:
    """Where an outlet's feed is; empty where it has none."""
    return "" if not outlet.feed else "/atom.xml" if outlet.feed == "atom" else "/feed.xml"


def article_page(world: World, article: Article, now: datetime = NOW) -> str:
    """The page of an article in its outlet's house style, with links to what was published by ``now``."""
    rng = chance("page", world.seed, article.url)
    title, description = plain(article.title), plain(article.paragraphs[0])[:160]
    lead = article.figures[0] if article.figures else None
    others = [a for a in world.articles.values() if a.outlet == article.outlet and a.url != article.url and not a.flags]
    related = [
        {"url": world.faults.link(a.url), "title": plain(a.title)}
        for a in rng.sample(others, min(4, len(others)))
        if a.published <= now
    ]
    jsonld = {
        "@context": "https://schema.org", "@type": "NewsArticle", "headline": title, "datePublished": article.published.isoformat(),
        "author": [{"@type": "Person", "name": name} for name in article.authors], "publisher": {"@type": "Organization", "name": article.outlet.name},
        "image": [figure.url for figure in article.figures], "mainEntityOfPage": article.url,
    }  # fmt: skip
    page = _ENVIRONMENT.get_template(article.outlet.style).render(
        outlet=article.outlet, url=article.url, title=title, standfirst=plain(article.standfirst), section=article.section, sections=SECTIONS,
        authors=" and ".join(article.authors), iso=article.published.isoformat(), human=f"{article.published:%d %B %Y, %H:%M}",
        description=description, lead=lead, jsonld=json.dumps(jsonld, ensure_ascii=False).replace("<", "\\u003c"), blocks=_blocks(world, article),
        related=related, teasers=rng.sample(_TEASERS, 4), comments=rng.sample(_COMMENTS, rng.randrange(4)), number=rng.randrange(10**6),
        correction="Correction: an earlier version of this article was wrong on this point." if article.kind == "denial" else "",
        noai=world.faults.of.get(article.url) == "noai_meta", feed=feed_path(article.outlet),
    )  # fmt: skip
    return _spoil(page) if world.faults.of.get(article.url) == "malformed_html" else page


def _blocks(world: World, article: Article) -> list[dict[str, Any]]:
    """Paragraphs and figures in their order: the lead picture first, the others after every second paragraph."""
    rng = chance("blocks", world.seed, article.url)
    figures = []
    for figure in article.figures:
        photo = world.photos[figure.url]
        alt = plain(figure.caption) if rng.random() < 0.3 else rng.choice(("", "image", "Photo"))
        figures.append({
            "url": figure.url, "caption": plain(figure.caption), "credit": figure.credit, "alt": alt,
            "width": photo.width, "height": photo.height,
        })  # fmt: skip
    bomb = world.faults.bombs.get(article.url)
    if bomb:
        figures.append(
            {
                "url": bomb,
                "caption": "The poster in full size.",
                "credit": "Handout",
                "alt": "",
                "width": 600,
                "height": 600,
            }
        )
    blocks: list[dict[str, Any]] = [{"figure": figures.pop(0)}] if figures else []
    for number, paragraph in enumerate(() if "textless" in article.flags else article.paragraphs):
        ad = rng.randrange(1, 9) if number == 2 and rng.random() < 0.5 else 0
        blocks.append({"text": plain(paragraph), "ad": ad})
        if figures and number % 2:
            blocks.append({"figure": figures.pop(0)})
    return blocks + [{"figure": figure} for figure in figures]


def _spoil(page: str) -> str:
    """Unclosed paragraphs, a stray end tag, an unquoted attribute: what real pages get wrong."""
    return (
        page.replace("</p>\n", "\n")
        .replace("<main>", "<main></span></div>", 1)
        .replace('class="credit"', "class=credit")
        .replace("</body>", "")
    )


def front_page(world: World, outlet: Outlet, section: str = "", now: datetime = NOW) -> str:
    """The home page (the newest articles) or a section's page (all of its articles)."""
    chosen = [a for a in listed_articles(world, outlet, now) if not section or a.section == section]
    items = [
        {
            "url": world.faults.link(a.url),
            "title": plain(a.title),
            "summary": plain(a.paragraphs[0])[:140],
            "human": f"{a.published:%d %B %Y}",
        }
        for a in (chosen if section else chosen[:12])
    ]
    heading = f"{section.capitalize()} | {outlet.name}" if section else outlet.name
    return _ENVIRONMENT.get_template("front").render(
        outlet=outlet, heading=heading, items=items, sections=SECTIONS, feed=feed_path(outlet)
    )


def listed_articles(world: World, outlet: Outlet, now: datetime = NOW) -> list[Article]:
    """An outlet's articles that were published by ``now``, newest first."""
    mine = (article for article in world.articles.values() if article.outlet == outlet and article.published <= now)
    return sorted(mine, key=lambda article: (article.published, article.url), reverse=True)


def plain_page(heading: str, text: str) -> str:
    """A page with a heading and a sentence: errors, imprints."""
    return _ENVIRONMENT.get_template("plain").render(heading=heading, text=text)
