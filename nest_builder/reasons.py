"""Every reason for which something is turned away, as one enum: each is counted, shown by ``nest status`` and kept."""

from enum import StrEnum


class Reason(StrEnum):
    """Why an item (or a part of one) did not become a row. The value is what the database and the tables show."""

    # collect: the exchange with the web
    ROBOTS = "robots disallow"
    OPT_OUT = "opted out"
    PRIVATE_ADDRESS = "private address"
    BAD_URL = "bad url"
    TOO_LARGE = "too large"
    TOO_SLOW = "too slow"
    REDIRECTS = "redirect loop or too many redirects"
    NOT_FOUND = "not found"
    HTTP_STATUS = "refused by the server"
    CONTENT_TYPE = "wrong content type"
    BAD_ENCODING = "broken content encoding"
    STALE = "outside the time window"
    NOT_CHANGED = "not changed"
    MALFORMED_FEED = "malformed feed"
    ENTRY_WITHOUT_LINK = "entry without a link"
    # extract: the page
    NO_TEXT = "no text"
    TOO_SHORT = "too short"
    DUPLICATE_ARTICLE = "duplicate article"
    LANGUAGE = "wrong language"
    MALFORMED_PAGE = "malformed page"
    # recognize and assess: the entities
    NO_ENTITY = "no entity"
    KNOWN = "known before the cutoff"
    EVIDENCE_MISSING = "evidence missing"
    NOT_DEPICTABLE = "nothing to see"
    # gather: the images
    TRACKING_PIXEL = "tracking pixel"
    TINY = "tiny image"
    BROKEN_IMAGE = "broken image"
    BOMB = "decompression bomb"
    DUPLICATE_IMAGE = "duplicate image"
    NEAR_DUPLICATE_IMAGE = "near-duplicate image"
    ENOUGH_IMAGES = "enough images of the entity"
    # annotate and ask: the samples
    UNCLEAR_TARGET = "unclear whether and where the target is shown"
    MASK_REJECTED = "implausible mask"
    ANSWER_NOT_IN_ARTICLE = "answer not in the article"
    SEVERAL_TARGETS = "several targets fit"
    NAMED_IN_QUESTION = "question names the target"
    # validate: the verdicts
    CONTROL_SET = "no verdict: a static model fails the control set"
    TOO_CLOSE = "no verdict: too close to call"
    # export
    TAKEDOWN = "taken down"
    REJECTED_IN_REVIEW = "rejected by people"
    DISPUTED_IN_REVIEW = "people disagree"
    LOW_CONFIDENCE = "confidence under the edition's floor"
    SCHEMA = "schema violated"
    EVENT_PUBLISHED = "event published in another edition"
    IMAGE_PUBLISHED = "picture published in another edition"
    SPLIT_CONFLICT = "event and picture in different splits"
    LATER_EDITION = "left for a later edition"
    # the runner
    RETRIES_EXHAUSTED = "failed too often"
