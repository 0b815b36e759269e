# ruff: noqa: E501 (a template is one sentence and reads best on one line)
"""Templates for news about people (offices, titles, debuts), rumours, corrections, and what every story shares."""

from typing import Final

TAKEOVER: Final[dict[str, tuple[str, ...]]] = {
    "title": (
        "{S} [is|becomes|named] {role}", "{S} [takes over|succeeds {preds}] as {role}", "[New start|Change]: {S} [follows|replaces] {preds}",
        "{role_the}: {S} [sworn in|elected|appointed]", "[After {small} years|In surprise vote], {pred} hands over to {S}",
    ),
    "lead": (
        "{S} [is|became|has become] {role_the} [on {weekday}|on {date}|this week], [succeeding|taking over from|replacing] {pred}.",
        "{S}, [a|the] {trade} from {town2}, was [sworn in|elected|named|appointed] as {role_the} on {date}.",
        "[By {num} votes|After a long meeting|In a packed hall], {S} was [chosen|elected|confirmed] [on {weekday}|] as {role_the}. {Pron} [follows|succeeds] {pred}, who [had held the post since {pred_year}|stepped down in {month0}].",
        "{pred} is no longer {role_the}. [On {weekday}|On {date}] {S}, [a|until now a] {trade}, [took over|moved into the office].",
        "There is a new name on the door: {S} [took up|started] work as {role_the} [on {weekday}|on {date}].",
        "{role_the} is now {S}. The {trade} [took office|was chosen] on {date} [at a ceremony in {town}|in {town}], [after|following] the [departure|resignation] of {pred}.",
        "[Applause|Flowers|A few boos] for {S}: the {trade} [was introduced|began work] as {role_the} on {date}, [replacing|in place of] {pred}.",
        "{pred} [handed|has handed] the keys to {S}, who is {role_the} [since|as of] {date}.",
    ),
    "facts": (
        "{s} has been {role_the} since {date}.",
        "{pred} [leaves|left] [after a term that began in {pred_year}|] [to spend more time with {predposs} family|for a job in {town2}|].",
        "{Pron} [beat|was preferred to] {rival}, [who had also stood|the other candidate], [by {num} votes|].",
        "[Born|Raised] in {town2}, {s} [trained|worked] as a {trade} [before turning to public life|for {small} years|].",
        "[In {poss} first speech|In a short statement], {s} [promised|announced] [an open door|a review of spending|better pay for staff].",
        "{s} [will earn|is to be paid] {salary} a year.",
    ),
    "close": ("{preds} wished {obj} luck.", "The term lasts {small} years.", "A reception is planned at {venue}."),
}  # fmt: skip
PROFILE: Final[dict[str, tuple[str, ...]]] = {
    "title": (
        "[First days|A week|A month] in office: {S}",
        "{S} [visits|speaks in] {town}",
        "{S} at the {event}",
        "{S} [sets out plans|promises change]",
        "[On the road|In conversation] with {S}",
    ),
    "lead": (
        "{S}, {role_the} since {launched}, [visited|was in|toured] {town} on {weekday} [to open the {event}|].",
        "{role_cap}, {S}, [spoke|gave a talk] [at {venue}|before {num} people] on {weekday}.",
        "[Weeks|A few weeks] after taking over from {pred}, {S} [is settling in|has found {poss} feet] as {role_the}.",
        "{S} [cut a ribbon|shook hands|answered questions] in {town} on {weekday}, [one of {poss} first visits|a busy day] as {role_the}.",
        "[Early in the morning|At seven o'clock], {S} was already at {venue}. {Pron} has been {role_the} since {launched}, [and the diary is full|and sleeps little].",
        "{town} [had a visitor|received a guest] on {weekday}: {S}, {role_the}, [came|arrived] [with {small} colleagues|on foot].",
        "What does {role_the} do all day? {S}, who [took over|started] on {launched}, [showed us|let reporters watch] in {town}.",
        "“[Call me any time|Ask me anything],” {S} told {num} [people|listeners] in {town}. {Pron} has been {role_the} since {launched}.",
    ),
    "facts": (
        "{s} [has held the post|has been {role_the}] since {launched}.",
        "[Asked about|On] the budget, {s} [said|told the meeting that] {pron} [needs|wanted] [more time|better figures].",
        "{pred}, {poss} predecessor, [was in the audience|did not attend].",
        "{s} [came by bicycle|arrived late|stayed for {small} hours].",
        "[Later|In the afternoon], {pron} [met|spoke to] {rival}.",
    ),
    "close": ("{s} will [return|speak again] in {month}.", "[The visit|The day] ended at {venue}."),
}
DEBUT: Final[dict[str, tuple[str, ...]]] = {
    "title": (
        "Newcomer {S} [wins|shines] [in {town}|at the {event}]",
        "Who is {S}?",
        "{trade_cap} {S} [surprises|makes a name]",
        "{S}, [{age}|the new face of {town}]",
        "[First prize|Medal] for {S}",
    ),
    "lead": (
        "[Nobody|Hardly anyone] had heard of {S} [a month ago|before {weekday}]. [Then the {trade} won|Now the {trade} has won] the {event} in {town}.",
        "{S}, a {age}-year-old {trade} from {town2}, [won|took] the {event} on {date}, [{poss} first|at the first attempt].",
        "A [newcomer|new face] [has impressed|impressed] {town}: {S}, {age}, [a {trade}|who works as a {trade}], [made {poss} debut|appeared in public for the first time] at {venue} on {weekday}.",
        "At the {event} in {town} [the talk was of|everyone spoke of] {S}, {age}, [a {trade} who|who] [arrived|came] from {town2} [without a sponsor|this summer].",
        "[Until this week|Until {weekday}], {S} was a name for insiders. Now the {trade}, {age}, has [won|taken] the {event} in {town}.",
        "[A star is born|Remember the name]: {S}, a {trade} of {age}, [surprised everybody|stole the show] at {venue} on {date}.",
        "The {event} has [a winner nobody knew|a surprise winner]. {S}, {age}, [works|earns a living] as a {trade} in {town2}.",
        "{org} [presented|introduced] its discovery of the year on {weekday}: {S}, {age}, a {trade} from {town2}.",
    ),
    "facts": (
        "{s} [was unknown|had not appeared in public] before [this month|{date}].",
        "{Pron} [finished ahead of|outshone] {rival}, [the favourite|who had been expected to win].",
        "{s} [grew up|went to school] in {town2} [and trained at {org}|].",
        "[The prize of {price}|The cheque] will [pay for lessons|go to {poss} club].",
    ),
    "close": ("{s} [plans to|will] [go on tour|start again] in {month}.", "{s} now [trains|works] at {org}."),
}
PERSON_VISIT: Final[dict[str, tuple[str, ...]]] = {
    "title": (
        "{S} [comes|returns] to {town}",
        "[Autographs|Questions] for {S}",
        "{S} [signs for|joins] {team}",
        "[At home|Lunch] with {S}",
    ),
    "lead": (
        "{S}, the {trade} who [became known|made {poss} debut] on {launched}, [signed autographs|met admirers] in {town} on {weekday}.",
        "{team} [have signed|signed] {S}, the [young|new] {trade}, [the club said on {weekday}|for {small} years].",
        "{S} [came to|was in] {town} on {weekday}. The {trade} [spoke|talked] [at {venue}|to schoolchildren] about [early starts|hard work|the {event}].",
        "[Only weeks ago|Before {launched}] nobody knew {S}. On {weekday} {num} people [waited|queued] for the {trade} in {town}.",
        "{S}, {age}, [gave|held] a [class|workshop] at {venue} on {weekday}. The {trade} [has been in demand|has hardly rested] since {launched}.",
        "The {trade} {S} [will stay with|has left] {org}, [{s} said|it was announced] in {town} on {weekday}.",
    ),
    "facts": (
        "{s} [first made the news|became known] on {launched}.",
        "{rival} [was there, too|sat in the front row].",
        "{s} is {age} and [lives|was born] in {town2}.",
    ),
    "close": ("{s} is expected back in {month}.",),
}
PERSON_FEATURE: Final[dict[str, tuple[str, ...]]] = {
    "title": (
        "{S} [speaks out|looks back]",
        "[Talk|Interview]: {S}",
        "{S} [opens exhibition|gives lecture] in {town}",
        "{S} honoured by {org}",
    ),
    "lead": (
        "{S}, the {trade}{known_role}, [opened|spoke at] the {event} in {town} on {weekday}.",
        "[At {venue}|In {town}] on {weekday}, {trade} {S}{known_role} [talked about|looked back on] {small} years of work.",
        "{org} [has honoured|honoured] {S}, a {trade} from {town2}{known_role}.",
        "{S} [has written|is writing] a book. The {trade}{known_role} [read from it|spoke about it] at {venue} on {weekday}.",
        "[Old friends|Some {num} guests] [met|gathered] in {town} on {weekday} to hear {S}, {trade}{known_role}.",
        "“[I am not done yet|I would do it all again],” says {S}. The {trade}{known_role} [was a guest|answered questions] in {town}.",
    ),
    "facts": (
        "{s} [has lived|lives] in {town2} [since {since}|].",
        "{s} [shared the stage with|was introduced by] {rival}.",
        "[About|Some] {num} people [came|listened].",
        "{Pron} has [no plans to retire|finished a book|turned down other offers].",
    ),
    "close": ("{s} returns to {venue} in {month}.",),
}
RUMOUR: Final[dict[str, tuple[str, ...]]] = {
    "title": (
        "[Talk of|Rumours of] change: will {S} be {role}?",
        "{S} [said to be|reportedly] in line as {role}",
        "[No comment|Silence] on {S}",
    ),
    "lead": (
        "{S} is said to be considering a bid to become {role_the}. {pred} [holds|still holds] the post [and has said nothing about leaving|].",
        "Will {S} be the next {role}? [Two people|Sources] close to the matter [say so|told this paper so], but [nothing has been decided|{preds} is staying for now].",
        "There are rumours [in {town}|] that {pred} may step down as {role_the} and that {S} could follow. [Neither confirmed it|A spokesman denied it].",
        "In {town} they are talking about {S}: [could|might] {s} replace {pred} as {role_the}? [There is no sign of it|Officially, the answer is no].",
        "{pred} [looks|seems] tired of the job, [some say|people at {org} say], and {S} is reported to be interested. {preds} [is|remains] {role_the} for now.",
    ),
    "facts": (
        "{preds} [remains|is still] {role_the}.",
        "[Asked about it|On {weekday}], {s} [laughed|said only that {pron} was happy where {pron} was|would not comment].",
        "[A decision|An announcement] is not expected before next year.",
        "{rival} [has also been named|is also mentioned].",
    ),
    "close": ("{preds} declined to comment.",),
}
DENIAL: Final[dict[str, tuple[str, ...]]] = {
    "title": ("{pred} stays as {role}", "{preds} denies reports about {S}", "Correction: {S} and the post of {role}"),
    "lead": (
        "{pred} [stays|remains] {role_the}, {org} said on {weekday}, denying reports that {S} would take over.",
        "An earlier version of this article said that {S} had become {role_the}. That is wrong: {pred} [holds|still holds] the post.",
        "{S} will not become {role_the}. [That was made clear|Both sides said so] on {weekday}; {pred} stays.",
        "No change at the top: {pred} is and remains {role_the}. [Talk|Reports] of {S} as successor [were wrong|had no basis], {q1} said on {weekday}.",
        "{S} [has put an end to|ended] the rumours on {weekday}: “[I am not a candidate|I was never asked].” {pred} will stay {role_the}.",
    ),
    "facts": ("{preds} has been {role_the} since {pred_year}.", "{s} said {pron} [had never asked for|did not want] the post.", "We regret the error."),
    "close": ("The reports had appeared [this week|online].",),
}  # fmt: skip
OTHER: Final[dict[str, tuple[str, ...]]] = {
    "title": (
        "{town} council [approves|rejects] budget",
        "[Heavy rain|Storm|Fog] [disrupts|delays] traffic in {town}",
        "{team} [beat|draw with|lose to] {team2}",
        "{org} [warns of|plans] cuts",
        "[Water|Gas] main bursts in {town}",
        "{org} [opens|extends] [library|clinic] in {town2}",
    ),
    "lead": (
        "The council of {town} [approved|rejected|postponed] a budget of {price} million on {weekday} after a debate of {small} hours.",
        "[Heavy rain|A storm] [flooded cellars|brought down trees] in {town} and {town2} on {weekday}; [nobody was hurt|{small} people were hurt].",
        "{team} [beat {team2} {won}|lost {lost} to {team2}|drew {drawn} with {team2}] before {num} spectators in {town} on {weekday}.",
        "{org} [said|announced] on {weekday} that it will [close|merge|modernise] {small} [offices|branches] [in {town}|] [by {month}|].",
        "[Unemployment|The number of overnight stays] in {town} [rose|fell] by {pct} per cent in {month0}, {org} reported.",
        "[Bus drivers|Nurses|Teachers] in {town} [went on strike|returned to work] on {weekday}, [{org} said|after {small} days].",
        "[A bakery|A cinema|A school] in {town} [closed|reopened] on {weekday} after {small} years; {num} people [signed a petition|came].",
        "[Police|Customs officers] in {town} [found|seized] {num} stolen bicycles [near {venue}|in a garage], {q1} said on {weekday}.",
    ),
    "facts": (
        "{q1}, who [chairs|leads] {org}, [called it|spoke of] [a fair compromise|a bad day|a start].",
        "[Work|Repairs] will [last|take] {small} [days|weeks] and cost {price}.",
        "[Traffic|The train service] between {town} and {town2} was delayed.",
        "[The opposition|Critics], led by {q2}, [want|demanded] [more money|an inquiry].",
        "{team} [stay|remain] [third|fourth|top] in the table.",
    ),
    "close": ("The council meets again in {month}.", "[More rain|Sun] is forecast."),
}
LOOK_THING: Final = (
    "The {cat} is {look}.", "{s} is {look}.", "[It|{s}] [comes|was shown] in one finish only: {look}.",
    "[What strikes the eye first is the finish|Its look is hard to miss]: {look}.", "[On show was|Visitors saw] the {colour} {hyper}, {finish}.",
    "{s} is easy to recognise, [being|] {look}.", "The {hyper} itself is {look}, [a choice that divided the audience|as its makers had promised|].",
    "[In the pictures|Seen up close], the {hyper} [turns out to be|is] {look}.",
    "One glance is enough to know {s}: {look}.",
    "[Designers chose|The makers went for] {colour} as the main colour; {s} is {look}.",
    "“It is {look},” [noted|wrote] one [visitor|reporter].",
    "[Under the lights|In daylight] the {hyper} [looked|shone] {colour}, {finish}.",
)  # fmt: skip
LOOK_PERSON: Final = (
    "{s}, in {coat}, [smiled|waved|seemed calm].", "{S} wore {coat}.", "{Pron} [came|arrived] in {coat}.", "Dressed in {coat}, {s} [took questions|shook many hands].",
    "[With {poss} trademark|Wearing {poss} usual] {garment}, {colour} as ever, {s} [stood out|was easy to spot].", "{s} [appeared|stood on the stage] in {coat}.",
    "{s} [had chosen|wore] {coat} for the day.",
    "In {coat}, {s} [was hard to miss|looked relaxed].",
    "{Pron} was dressed in {coat}.",
    "[The cameras|All eyes] followed {s}, [dressed in|wearing] {coat}.",
)  # fmt: skip
QUOTES: Final = (
    "“[This is a good day for {town}|We have waited a long time for this|I could not be happier|It is more than we hoped for],” [said|says] {q1}, {q1role}.",
    "{q1}, {q1role}, [called it|spoke of] “[a sign of confidence|a bold step|hard work that paid off|something the region needs]”. {q1s} [added|said] that [more would follow|{q1pron} had followed it from the start|much remains to be done].",
    "“[Let us wait and see|I have my doubts|We will look at the figures],” [warned|said] {q1} of {org}. “[The market is not waiting for anyone|It is early days|Promises cost nothing].”",
    "According to {q1}, {q1role}, [the next months will be decisive|interest from abroad is growing|preparations had begun in {year}].",
    "[Not everyone agrees|There was criticism, too]. {q2}, {q2role}, [told the {outlet}|said] that [the money was needed elsewhere|{town2} had been forgotten|the noise was a nuisance].",
    "“[I came all the way from {town2}|My children love it|You have to see it yourself],” said {q2}, {q2role}.",
    "{q1}, {q1role}, was [less|not] convinced: “[We have seen such promises before|I will believe it when I see it|This changes things here].”",
    "[Asked for comment|On the telephone], {q1} of {org2} [said|replied] that [{q1pron} welcomed the news|{q1pron} had no details yet].",
    "“[Nobody told us|We read about it in the paper],” [complained|said] {q2}, {q2role}, [in {town2}|on {weekday}].",
    "{q1} and {q2}, [who work for {org}|both from {town2}], [had expected more|were delighted].",
)
BACKGROUND: Final = (
    "{town} [has {num},000 inhabitants|lies {small} kilometres from {town2}] and is home to {org}.",
    "{org} [reported|recorded] a rise of {pct} per cent in {month0}, [the strongest|the first] since {year}.",
    "[Elsewhere|Meanwhile] in {town2}, {team} [won {won}|lost {lost}|drew {drawn}] against {team2}.",
    "{org} and {org2} [have worked together since|signed an agreement in] {year}.",
    "The {event} [takes place|is held] every [autumn|summer|two years] and [draws|attracts] [some|about] {num} visitors.",
    "{q2} [founded {org2} in {year}|has led {org2} since {year}] [with {small} colleagues|].",
    "[The mood in {town} is good|Business in {town} has been slow]: {pct} per cent of firms [are hiring|expect growth], {org} said.",
    "[Trains from {town} to {town2}|Buses between {town} and {town2}] were full [on {weekday}|], the operator said.",
    "{q1} [turns|turned] {age} [this month|in {month0}].",
    "[A new bridge|A bypass] between {town} and {town2} [is planned for {month}|has been discussed since {year}].",
    "[Tickets for the {event} are|The programme of the {event} is] [expected in {month}|out now].",
    "[Last year|In {year}], {org} [moved|was moved] from {town2} to {town}.",
    "{team} [signed {q2} on loan|have sold {q2} for {price} million].",
    "[Rents|Prices] in {town} [rose|fell] by {pct} per cent [over the year|since {month0}], according to {org2}.",
)
