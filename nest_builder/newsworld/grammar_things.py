# ruff: noqa: E501 (a template is one sentence and reads best on one line)
"""Templates for news about things: products, vehicles, mascots, landmarks.

`[a|b|]` chooses, `{slot}` fills (slots: prose.py). `{S}` is the subject's full name, `{s}` its short form.
"""

from typing import Final

LAUNCH: Final[dict[str, tuple[str, ...]]] = {
    "title": (
        "{maker} [unveils|launches|presents|shows] {S}",
        "{maker} [brings|takes] {S} to {town}",
        "{S}: {maker} [enters|returns to] the {cat} market",
        "Meet {S}, the new {hyper} from {maker}",
        "New {cat} from {maker} [goes on sale|makes its debut] in {town}",
        "[First look|Hands on]: {S}",
        "{maker} bets on {S} [after a slow year|for the autumn|]",
        "{town} gets a first look at {S}",
    ),
    "lead": (
        "{maker} [on {weekday} unveiled|has unveiled|unveiled] {S}, a {hyper} that [goes on sale|will reach shops] [later this month|next week|in {month}], at [an event|a crowded presentation] in {town}.",
        "{S}, the [latest|first|newest] {hyper} [made by|from] {maker}, [was shown to the public|made its debut|was presented] [for the first time|] [on {weekday}|this week] at {venue}.",
        "After [months of silence|two years of work|weeks of rumours], {maker} [has launched|launched] {S} [on {weekday}|on {date}|], [calling it|describing it as] the most [ambitious|practical|durable] {cat} it has [ever|yet] built.",
        "A new {cat} [rolled into|arrived in|came to] {town} [on {weekday}|this week]: {S}, [built|designed|developed] by {maker} [and priced at {price}|].",
        "Visitors to {venue} [were the first to see|got a first look at] {S} on {weekday}, a {hyper} [with which|by which] {maker} [hopes to win back buyers|wants to grow abroad].",
        "{maker} has [a new|an unexpected] {cat}. {S} was [announced|launched|introduced] on {date} in {town}, [where the company has its roots|before some {num} guests|at a price of {price}].",
        "The wait is over: {maker} [started selling|put on sale|released] {S} [on {weekday}|on {date}]. The {hyper} [costs {price}|starts at {price}] and [comes in one colour only|is sold in {num} shops].",
        "With {S}, {maker} [is entering|enters|returns to] a market [that it left in {year}|that is crowded already|worth {num} million a year]. The {hyper} was [launched|revealed] in {town} on {weekday}.",
    ),
    "facts": (
        "{s} [was launched|went on sale] on {date} [and costs {price}|at {price}|].",
        "[The company says|According to {maker},] {s} [took {small} years to develop|has been in the making since {year}|was tested by {num} people].",
        "[First deliveries|The first orders] [are expected|will go out] [in {month}|before the end of the year] [from a plant in {town2}|].",
        "[It|{s}] [weighs {pct} per cent less|is {pct} per cent cheaper to make|lasts {pct} per cent longer] than [its predecessor|rival models|the model it replaces], [the company claims|the maker says].",
        "[Analysts|Dealers] [expect|predict] that {maker} will sell [about|up to|more than] {num} [of them|units] [this year|in the first {small} months].",
        "[Until now|Before this week], {maker} [had sold|offered] [only|] [older models|goods of another kind] in [this class|this field], [among them|such as] {rival}.",
        "{s} [is made|will be built] in {town2}, where {maker} [employs {num} people|opened a second hall in {year}].",
        "[Its main|The closest] [rival|competitor] is {rival}, [which has led the market since {year}|which costs {price}].",
    ),
    "close": (
        "{maker} [would not say|declined to say] [whether|if] [a larger version|a second model] [is planned|will follow].",
        "Shares in {maker} [rose|fell|were up] {pct} per cent [after the news|on the day|in early trading].",
        "{s} will [also|] be shown at the {event} [in {month}|].",
    ),
}
REVIEW: Final[dict[str, tuple[str, ...]]] = {
    "title": (
        "[Tested|Review|On trial]: {S}",
        "A week with {S}",
        "{S} [draws crowds|sells out] in {town}",
        "{maker} [raises|doubles] output of {S}",
        "Is {S} worth the money?",
        "[Long queues|Brisk trade] for {S}",
        "{S} [on tour|travels] to {town}",
    ),
    "lead": (
        "[Two|Three] weeks after its launch, {S} [has found {num} buyers|is hard to find in shops|is everywhere in {town}]. [We|Our reporters] [tried|took a close look at] the {hyper} [made by|from] {maker}.",
        "[People queued|Crowds gathered] in {town} on {weekday} [to see|for a closer look at] {S}, the {hyper} that {maker} [launched|unveiled] [this summer|on {launched}].",
        "{S}, the {hyper} [launched|introduced] by {maker} on {launched}, [has sold out|is selling faster than planned] [in {town}|in {num} shops|].",
        "What is it like to [live with|use] {S}? [The new|This new] {hyper} from {maker} [spent|was with us for] a week in {town}.",
        "{maker} [will raise|is raising] production of {S}, its [new|latest] {hyper}, [by {pct} per cent|] [after strong demand|because of a backlog of orders], [the company said on {weekday}|{q1} said].",
        "[It took|It has taken] only [days|weeks]: {S}, a {hyper} that [nobody knew|did not exist] [before {launched}|in spring], [has become|is] [the talk of {town}|a common sight in {town}].",
        "[Few|No] launches this year were as [loud|closely watched] as that of {S}. [Now|This week] the {hyper} [has to prove itself|was put to the test] in {town}.",
        "[On {weekday}|This week] {maker} [brought|took] {S} to {town}, where [shoppers|passers-by] could [try|touch] the {hyper} [for the first time|in front of {venue}].",
        "{maker} is struggling to keep up: {S}, the {cat} it [presented|launched] on {launched}, is [out of stock|on a waiting list of {num} names] in {town}.",
    ),
    "facts": (
        "[Buyers|Early users] [praise|like] [its finish|how light it is|the simple controls]; [some|a few] [complain about|dislike] [the price|the noise|the long wait].",
        "[In our test|In daily use] {s} [did well|held up|was a pleasure], [though|although] {rival} [is cheaper|remains the better buy|does some things better].",
        "{maker} [launched|unveiled] {s} on {launched} [at a price of {price}|].",
        "[At {price}|With a price of {price}], {s} [is not cheap|undercuts {rival}|costs as much as {rival}].",
        "[About|Some|Nearly] {num} [have been sold|orders have come in] [so far|since the launch], [{maker} says|according to the company].",
        "[A dealer|A shop owner] in {town2} [said|reported] that [every second customer|one visitor in three] [asks for|wants to see] {s}.",
        "[Repair shops|Testers] [note|say] that {s} [can be opened with two screws|has no spare parts yet].",
        "{maker} [has sold|sold] {num} [in {town} alone|in the first week].",
    ),
    "close": (
        "[Our verdict|The verdict]: [a good start|worth the wait|promising, with rough edges].",
        "{maker} [plans|is planning] [a version for export|a larger model] [for next year|].",
        "The next [batch|delivery] is due in {month}.",
    ),
}
OPENING: Final[dict[str, tuple[str, ...]]] = {
    "title": (
        "{S} opens in {town}",
        "{town} [celebrates|opens|inaugurates] {S}",
        "[Thousands|Crowds] at opening of {S}",
        "{town} has a new landmark: {S}",
        "[After {small} years|At last], {S} [is finished|opens its doors]",
    ),
    "lead": (
        "{S}, {town}'s new [tower|landmark], [opened|was opened|was inaugurated] on {weekday} [by {q1}|before {num} guests|after {small} years of building].",
        "{town} has a new landmark. {S}, a tower [of {small} floors|built for {price} million], [opened to the public|was inaugurated] on {date}.",
        "[Some|About] {num} people [came to|gathered at the foot of] {S} on {weekday}, when the [new|] tower [opened|was opened] in {town}.",
        "The [tallest|newest] building in {town} [is open|opened its doors] [on {weekday}|this week]: {S}, a [slender|much-debated] tower [by the harbour|beside the station|near {venue}].",
        "[Builders|Workers] [took down the last scaffolding|handed over the keys] [on {weekday}|] at {S}, a tower that [changes|will change] the skyline of {town}.",
        "[With a brass band|Under grey skies|With fireworks], {town} [opened|inaugurated] {S} on {date}. The tower [stands|rises] [near {venue}|by the river].",
        "{q1} cut the ribbon and the doors were open: {S}, a tower [that {town} argued about for {small} years|with {small} floors], [is finished|can be climbed] since {weekday}.",
        "A tower [of its own|for the new century]: {S} [has opened|opened] in {town} [on {weekday}|on {date}], [watched by {num} people|after many delays].",
    ),
    "facts": (
        "Building {s} [took|lasted] {small} years and cost [about|] {price} million.",
        "{s} [was opened|opened] on {date}[; entry is free until {month}|].",
        "[It|{s}] [replaces|stands on the site of] [an old warehouse|a car park|a disused depot] [that burned down in {year}|].",
        "[Until now|So far], {rival} [had been|was] the [best-known|tallest] [building|tower] [of the region|in this part of the country].",
        "[The architect|Its architect], {q2}, [said|told reporters that] {pron} had [looked to|taken] [ships' masts|old lighthouses|grain towers] as a model.",
        "[From the top|On clear days] visitors can see [as far as|] {town2}.",
    ),
    "close": (
        "Tickets cost {price}.",
        "A light show is planned for {month}.",
        "The lifts can carry {num} people an hour.",
    ),
}
LANDMARK_VISIT: Final[dict[str, tuple[str, ...]]] = {
    "title": (
        "[A walk to|A visit to|Up] {S}", "{num} visitors at {S}", "{S} [draws|attracts] [tourists|visitors] to {town}",
        "{S} [lit up|closed for a day|hosts concert]",
    ),
    "lead": (
        "[Weeks|A month] after [its opening|it opened] on {launched}, {S} in {town} [has counted {num} visitors|is the town's main sight].",
        "[The lights went on|There was music] at {S}, the [new|] tower of {town}, on {weekday} [night|evening].",
        "[Tourists|Visitors] [are coming|come] to {town} [to climb|to see] {S}, the tower that opened on {launched}.",
        "[School classes|Couples|Choirs] [like|have taken] to {S}: [since {launched}|since its opening] {num} of them [have been up|have climbed] the tower in {town}.",
        "The tower [that opened in {town} on {launched}|in {town}], {S}, [is closed for two days|stays open until midnight] [because of the {event}|for repairs of a lift].",
        "{town} [has put|puts] {S} on [its stamps|a postcard]. The tower [opened|was inaugurated] on {launched}.",
    ),
    "facts": (
        "{s} was opened on {launched} [and has {small} floors|].",
        "[Hotels|Cafés] nearby [report|speak of] {pct} per cent more guests.",
        "[Older|Some] residents [still prefer|say they prefer] {rival}.",
        "The queue at {s} [was {num} metres long|reached as far as {venue}] on {weekday}.",
    ),
    "close": ("Entry costs {price}.", "{s} is open every day [except Monday|].", "A second lift will open in {month}."),
}  # fmt: skip
MASCOT: Final[dict[str, tuple[str, ...]]] = {
    "title": (
        "{maker} [present|introduce|welcome] {S}", "Meet {S}, the new face of {maker}", "{S} is the new mascot of {maker}",
        "{S} [wins hearts|makes debut] in {town}", "Children choose {S} as mascot",
    ),
    "lead": (
        "{maker} [have|has] a new mascot: {S}, [a {animal} who|who] [danced|waved|made {poss} first appearance] before {num} [fans|people] at {venue} on {weekday}.",
        "{S}, a [larger-than-life|cheerful|furry] {animal}, [was introduced|was presented] on {date} as the mascot of {maker}.",
        "[Children|Schoolchildren] from {town} [chose|picked] the name, and on {weekday} [they met {him}|he was there]: {S}, the new {animal} mascot of {maker}.",
        "A {animal} [stole the show|was the star] [in {town}|at {venue}] on {weekday}. {S} is the [new|] mascot of {maker}, [succeeding a costume from {year}|after a vote with {num} entries].",
        "[Furry|Loud|Round] and [never tired|always in a good mood]: {maker} [showed|presented] {S}, a {animal}, to {num} [fans|guests] on {date}.",
        "{maker} [have|has] [settled|decided] on a {animal}. {S} [will cheer|was seen] [at {venue}|in {town}] [from now on|on {weekday} for the first time].",
    ),
    "facts": (
        "{s} [was introduced|first appeared] on {date}.",
        "The costume [weighs {small} kilograms|took {small} weeks to sew|was made in {town2}].",
        "[Until now|Before that] {maker} had no mascot[, unlike their neighbours, who have {rival}|].",
        "[Fans|Children] can [meet|hug] {s} before every [home match|concert|open day].",
        "[Not everyone is convinced|Some laughed]: {rival} [is still the favourite|remains more popular] [of the region|in {town2}].",
    ),
    "close": ("A soft toy of {s} costs {price}.", "{s} will appear at the {event}.", "The vote drew {num} entries."),
}  # fmt: skip
MASCOT_VISIT: Final[dict[str, tuple[str, ...]]] = {
    "title": (
        "{S} visits [school|hospital] in {town}",
        "A day with {S}",
        "{S} [opens|at] the {event}",
        "[Fans|Children] queue for {S}",
    ),
    "lead": (
        "{S}, the {animal} mascot that {maker} introduced on {launched}, [visited|cheered up] children [at a hospital|at a school] in {town} on {weekday}.",
        "[Hugs, photographs and a dance|A long queue of children]: {S}, the [new|] {animal} of {maker}, was at {venue} on {weekday}.",
        "{S} [opened|was the guest of honour at] the {event} in {town}. The {animal} [has been|is] the mascot of {maker} since {launched}.",
        "{S}, [the {animal} of {maker}|a {animal} by trade], [handed out|gave away] {num} balloons in {town} on {weekday}.",
        "[The weather was bad, the mood was not|It rained all day]: {S} [danced|posed] at {venue}, [{num} people came|to the delight of {num} children].",
        "Since {launched} {maker} [have|has] had a {animal}. On {weekday} {S} [came|went] to {town}.",
    ),
    "facts": (
        "{s} [posed|stood] for [about|] {num} photographs.",
        "[Later|Then] {s} [met|danced with] {rival}, [who came as a guest|an old friend from another club].",
        "{maker} introduced {s} on {launched}.",
    ),
    "close": ("The visit raised {price} [for the hospital|for charity].", "{s} returns in {month}."),
}
TITLE: Final[dict[str, tuple[str, ...]]] = {
    "title": (
        "{S} [wins|takes] {prize}", "{prize_cap}: [surprise win|victory] for {S}", "{S} [beats|edges out] {pred} [in {town}|]",
        "[New holder|Change at the top]: {S}", "{pred} loses [crown|title] to {S}",
    ),
    "lead": (
        "{S} [is|has become] {role_the}. The {cat} [beat|finished ahead of] {pred}, the [previous holder|holder until then], [in {town}|at {venue}] on {weekday}.",
        "{S} was [named|declared] {role_the} on {weekday} [in {town}|at {venue}], [taking over from|succeeding|ahead of] {pred}.",
        "[There was a surprise|Cheers rang out] [in {town}|at {venue}] on {date}: {S}, [the|a] {hyper} from {owner}, is now {role_the}.",
        "{role_the} is [a new one|no longer {pred}]: {S} [won|took the title] on {date}[, the jury's vote was {small} to one|].",
        "[Few had expected it|It was close]: {S} [is|was crowned] {role_the} [on {date}|in {town}].",
        "{S} has [done it|won]. The {hyper} from {owner} [took|was given] the title [at {venue}|in {town}] on {weekday} and is now {role_the}.",
        "[At {venue}|In {town}], {pred} had to [hand over|give up] the title on {date}. [Its new holder|The new holder] is {S}, a {cat} from {owner}.",
        "The [new holder|winner] is {S}: [after {small} rounds|by one vote], the {hyper} [became|was named] {role_the} on {date}.",
    ),
    "facts": (
        "{s} has been {role_the} since {date}.",
        "{pred} [had held the title|was the holder] [until then|for {small} years|].",
        "[The jury|The organisers] [praised|pointed to] [the calm performance|the good looks|a faultless run] of {s}.",
        "[Third place|The bronze medal] went to {rival}.",
        "[About|Some] {num} [spectators|people] watched.",
        "{s} [has been known|is well known] in {town2} [since {since}|for years].",
    ),
    "close": ("The prize is {price}.", "The next contest is in {month}.", "{pred} [will try again|will be back] next year."),
}  # fmt: skip
FEATURE: Final[dict[str, tuple[str, ...]]] = {
    "title": (
        "{S} [still going strong|back in the news|turns {small}]",
        "[A look back|Revisited]: {S}",
        "[Why|How] {town} loves {S}",
        "{S} [on show|seen] in {town}",
        "[Repairs|New paint] for {S}",
    ),
    "lead": (
        "{S}, the {hyper} [that {town} knows|known] since {since}, was [on show|to be seen] at {venue} on {weekday}.",
        "[Years after|Long after] it first appeared in {since}, {S} [still draws|draws] [looks|a crowd]. The {hyper} [came to|was in] {town} [this week|on {weekday}].",
        "[Few things are as familiar in {town} as|Everybody in {town} knows] {S}. [On {weekday}|This week] the {hyper} [was cleaned|was back|got new parts].",
        "{owner} [has announced|announced] [no changes|small repairs] to {S}, the {hyper} [in service|around] since {since}.",
        "[Who still needs|Is there still a place for] {S}? The {hyper} has been around since {since}, and {town} [has not tired of it|keeps it in good repair].",
        "A [birthday|small party] for {S}: the {hyper}, [known to everyone in {town}|first shown in {since}], was [washed|decorated] on {weekday}.",
        "At {venue} {num} people [looked at|took pictures of] {S}, a {hyper} that has [changed little|been loved] since {since}.",
        "{S} was [missing|away] for {small} weeks. [Now|Since {weekday}] the {hyper} is back in {town}.",
    ),
    "facts": (
        "{s} [dates from|first appeared in] {since}.",
        "[Nothing|Little] has changed [since|in years], [said|says] {q2}.",
        "[Newer rivals|Others], such as {rival}, have [come and gone|not changed that].",
        "[About|More than] {num} people [come to see it|use it] every [month|year].",
    ),
    "close": ("[The show|It] can be seen until {month}.", "Repairs cost {price}."),
}
