"""Groups that a text belongs to, by its words alone: language, style, and the regions and people that it names.

They serve to ask whether a curated version loses more of one group than of others (ops/gates/removal_odds.py). Terms
are English words; nothing is told of pictures, and of faces least of all. A word may mean another thing ("turkey"), so
that terms are left out which mostly do.
"""

import re

from ops.text.language import ENGLISH, likely_language

_TERMS = {
    "women": "woman women girl girls lady ladies female females mother mothers sister daughter wife bride nun",
    "men": "man men boy boys gentleman gentlemen male males father fathers brother son husband groom monk",
    "children": "child children kid kids baby babies toddler toddlers infant infants",
    "old people": "elderly grandmother grandfather grandma grandpa grandparents pensioner pensioners",
    "disabled people": "wheelchair wheelchairs disabled disability deaf autistic amputee prosthetic",
    "black people": "african-american afro-american",
    "muslims": "muslim muslims islamic mosque mosques hijab imam ramadan quran burqa niqab",
    "christians": "christian christians church churches cathedral priest bible christmas easter",
    "jews": "jewish jews synagogue rabbi torah hanukkah menorah kippah",
    "hindus": "hindu hindus diwali shiva vishnu ganesha",
    "buddhists": "buddhist buddhists buddha pagoda stupa",
    "lgbt people": "gay lesbian transgender bisexual queer lgbt lgbtq",
    "africa": "africa african kenya kenyan nigeria nigerian ghana ethiopia ethiopian egypt egyptian morocco moroccan "
    "tanzania uganda senegal somalia zimbabwe cairo nairobi lagos johannesburg",
    "latin america": "mexico mexican brazil brazilian argentina argentinian peru peruvian colombia colombian chile "
    "chilean cuba cuban guatemala bolivia venezuela caribbean jamaica",
    "middle east": "arab arabic arabian iran iranian iraq iraqi syria syrian israel israeli palestine palestinian "
    "lebanon lebanese saudi dubai yemen afghanistan afghan istanbul turkish",
    "south asia": "india indian pakistan pakistani bangladesh bangladeshi nepal nepali nepalese mumbai delhi sari",
    "east asia": "china chinese japan japanese korea korean taiwan taiwanese tokyo beijing kimono mongolia mongolian",
    "south-east asia": "thailand thai vietnam vietnamese indonesia indonesian philippines filipino malaysia malaysian "
    "cambodia myanmar laos singapore bangkok bali",
    "europe": "europe european france french germany german italy italian spain spanish british england english "
    "london paris rome poland polish greece greek ireland irish sweden swedish norway dutch netherlands portugal "
    "russian russia ukraine ukrainian",
    "north america": "american americans canada canadian california texas chicago florida",
    "oceania": "australia australian zealand maori aboriginal samoa polynesian",
}
_GROUP_OF = {word: group for group, words in _TERMS.items() for word in words.split()}
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_STYLES = ((3, "answers of up to 3 words"), (25, "answers of 4 to 25 words"))
_LONG = "answers of more than 25 words"

LANGUAGE, STYLE, TERMS = "language", "style", "terms"


def text_groups(question: str, answer: str) -> list[tuple[str, str]]:
    """The groups of an example with this question and answer, as (family, group): its language, one style, and, of
    English ones, any number of terms."""
    text = f"{question} {answer}"
    language = likely_language(text)
    words = _WORD.findall(text.casefold()) if language == ENGLISH else ()
    named = sorted({_GROUP_OF[word] for word in words if word in _GROUP_OF})
    length = len(_WORD.findall(answer))
    style = next((name for most, name in _STYLES if length <= most), _LONG)
    return [(LANGUAGE, language), (STYLE, style), *((TERMS, name) for name in named)]
