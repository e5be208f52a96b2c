"""Rows as trainers document them, and what each says."""

from typing import Any

from ops.intake.row import Row

ASK = {"role": "user", "content": "<image>What is this?"}
CAT = {"role": "assistant", "content": "A cat."}
DOG = {"role": "assistant", "content": "A dog."}
TALK = [{"from": "human", "value": "What is this?"}, {"from": "gpt", "value": "A cat."}]
V1_ASK = {
    "role": "user",
    "content": [{"type": "image_url", "value": "a.jpg"}, {"type": "text", "value": "What?"}],
    "loss_weight": 0.0,
}


def v1(text: str, weight: float = 1.0) -> dict[str, Any]:
    return {"role": "assistant", "content": [{"type": "text", "value": text}], "loss_weight": weight}


# What it is, its format, the row as its trainer documents it, the row as it is understood
TRAINERS: list[tuple[str, str, dict[str, Any], str]] = [
    (
        "ms-swift kto, bad",
        "kto",
        {"messages": [ASK, DOG], "images": ["a.jpg"], "label": False},
        "user: <0>What is this? | response: A dog.",
    ),
    (
        "ms-swift kto, several turns and system",
        "kto",
        {"messages": [{"role": "system", "content": "Be brief."}, ASK, CAT, CAT | ASK, CAT], "images": ["a.jpg"] * 2}
        | {"label": True},
        "system: Be brief. | user: <0>What is this? | assistant: A cat. | user: <1>What is this? | response: A cat.",
    ),
    ("llama-factory kto", "kto", {"conversations": TALK, "kto_tag": False}, "user: What is this? | response: A cat."),
    (
        "llama-factory kto, the tag named label",
        "kto",
        {"messages": [{"content": "What?", "role": "user"}, {"content": "A cat.", "role": "assistant"}], "label": True},
        "user: What? | response: A cat.",
    ),
    (
        "llama-factory kto, alpaca",
        "kto",
        {"instruction": "Name it.", "input": "It purrs.", "output": "A dog.", "kto_tag": False},
        "user: Name it.\nIt purrs. | response: A dog.",
    ),
    (
        "ms-swift dpo",
        "rejected_response",
        {"messages": [ASK, CAT], "images": ["a.jpg"], "rejected_response": "A dog.", "margin": 0.4},
        "user: <0>What is this? | chosen: A cat. | rejected: A dog.",
    ),
    (
        "ms-swift dpo, the response as messages",
        "rejected_response",
        {"messages": [ASK, CAT], "images": ["a.jpg"], "rejected_response": [DOG]},
        "user: <0>What is this? | chosen: A cat. | rejected: A dog.",
    ),
    (
        "ms-swift dpo, whole messages and images",
        "rejected_response",
        {
            "messages": [ASK, CAT],
            "images": ["a.jpg"],
            "rejected_messages": [ASK, DOG],
            "rejected_images": ["a.jpg"],
        },
        "user: <0>What is this? | chosen: A cat. | rejected: A dog.",
    ),
    (
        "ms-swift dpo of query and response",
        "rejected_response",
        {"query": "What?", "response": "A cat.", "rejected_response": "A dog.", "history": [["Hi", "Hello"]]},
        "user: Hi | assistant: Hello | user: What? | chosen: A cat. | rejected: A dog.",
    ),
    (
        "ms-swift dpo of an agent",
        "rejected_response",
        {
            "tools": '[{"type": "function"}]',
            "messages": [
                {"role": "user", "content": "Weather?"},
                {"role": "tool_call", "content": '{"name": "here"}'},
                {"role": "tool_call", "content": '{"name": "there"}'},
                {"role": "tool_response", "content": "rain"},
                {"role": "assistant", "content": "It rains."},
            ],
            "rejected_response": [{"role": "assistant", "content": "I cannot say."}],
        },
        'user: Weather? | chosen: {"name": "here"}\n{"name": "there"}\nrain\nIt rains. | rejected: I cannot say.',
    ),
    (
        "llama-factory dpo",
        "turn_pairs",
        {
            "conversations": [*TALK, {"from": "human", "value": "And this?"}],
            "chosen": {"from": "gpt", "value": "A cow."},
            "rejected": {"from": "gpt", "value": "A horse."},
        },
        "user: What is this? | assistant: A cat. | user: And this? | chosen: A cow. | rejected: A horse.",
    ),
    (
        "llama-factory dpo of messages with an image",
        "turn_pairs",
        {"messages": [ASK], "chosen": CAT, "rejected": DOG, "images": ["a.jpg"]},
        "user: <0>What is this? | chosen: A cat. | rejected: A dog.",
    ),
    (
        "llama-factory dpo, alpaca",
        "turn_pairs",
        {"instruction": "Name it.", "input": "", "chosen": "A cat.", "rejected": "A dog."},
        "user: Name it. | chosen: A cat. | rejected: A dog.",
    ),
    (
        "llama-factory v1 dpo",
        "turn_pairs",
        {"chosen_messages": [V1_ASK, v1("A cat.")], "rejected_messages": [V1_ASK, v1("A dog.")]},
        "user: <0>What? | chosen: A cat. | rejected: A dog.",
    ),
    (
        "llama-factory v1 sft",
        "messages",
        {"messages": [V1_ASK, v1("A cat.")]},
        "user: <0>What? | assistant: A cat.",
    ),
    (
        "llama-factory v1, thoughts, a call and a turn that is not learned",
        "messages",
        {
            "messages": [
                V1_ASK,
                v1("A dog.", 0.0),
                {"role": "user", "content": [{"type": "text", "value": "Sure?"}]},
                {"role": "assistant", "content": [{"type": "tool_call", "value": '{"name": "zoom"}'}]},
                {"role": "tool", "content": [{"type": "text", "value": "whiskers"}]},
                {
                    "role": "assistant",
                    "content": [{"type": "reasoning", "value": "Whiskers."}, {"type": "text", "value": "A cat."}],
                },
            ],
            "tools": "[]",
        },
        'user: <0>What? | context: A dog. | user: Sure? | assistant: {"name": "zoom"} | tool: whiskers | '
        "assistant: <think>\nWhiskers.\n</think>\n\nA cat.",
    ),
    (
        "ms-swift sft with loss and channel",
        "messages",
        {
            "messages": [ASK, DOG | {"loss": False}, ASK, CAT | {"loss": True}],
            "images": ["a.jpg"] * 2,
            "channel": "pets",
        },
        "user: <0>What is this? | context: A dog. | user: <1>What is this? | assistant: A cat.",
    ),
    (
        "ms-swift sft, the last answer not learned",
        "messages",
        {
            "messages": [
                {"role": "user", "content": "Hello!"},
                {"role": "assistant", "content": "<think>\n\n</think>\n", "loss_scale": 1.0},
                {"role": "assistant", "content": "Hi!", "loss_scale": 2.0},
                {"role": "user", "content": "1+1?"},
                {"role": "assistant", "content": "3", "loss": False},
            ]
        },
        "user: Hello! | assistant: <think>\n\n</think>\n | assistant*2: Hi! | user: 1+1? | context: 3",
    ),
    (
        "openai fine-tuning weights",
        "messages",
        {"messages": [ASK, DOG | {"weight": 0}, ASK, CAT | {"weight": 1}], "images": ["a.jpg", "b.jpg"]},
        "user: <0>What is this? | context: A dog. | user: <1>What is this? | assistant: A cat.",
    ),
    (
        "axolotl turns",
        "messages",
        {"messages": [ASK, DOG | {"train": False}, ASK, CAT | {"train": True}], "images": ["a.jpg", "b.jpg"]},
        "user: <0>What is this? | context: A dog. | user: <1>What is this? | assistant: A cat.",
    ),
    (
        "sharegpt with a loss",
        "llava",
        {"conversations": [TALK[0], TALK[1] | {"loss": False}, TALK[0], TALK[1]]},
        "user: What is this? | context: A cat. | user: What is this? | assistant: A cat.",
    ),
    (
        "ms-swift sharegpt in rounds",
        "llava",
        {
            "system": "Be brief.",
            "conversation": [{"human": "Hi", "assistant": "Hello"}, {"human": "What?", "assistant": "A cat."}],
        },
        "system: Be brief. | user: Hi | assistant: Hello | user: What? | assistant: A cat.",
    ),
    (
        "ms-swift agent",
        "messages",
        {
            "tools": "[]",
            "messages": [
                {"role": "user", "content": "<image>What time is it?"},
                {"role": "assistant", "content": "<think>\nI look.\n</think>\n"},
                {"role": "tool_call", "content": '{"name": "click"}'},
                {"role": "tool_response", "content": '{"images": "<image>"}'},
                {"role": "assistant", "content": "Eleven."},
            ],
            "images": ["a.jpg", "b.jpg"],
        },
        'user: <0>What time is it? | assistant: <think>\nI look.\n</think>\n\n{"name": "click"} | '
        'tool: {"images": "<1>"} | assistant: Eleven.',
    ),
    (
        "messages with the system prompt beside them",
        "messages",
        {"system": "Be brief.", "messages": [ASK, CAT], "images": ["a.jpg"]},
        "system: Be brief. | user: <0>What is this? | assistant: A cat.",
    ),
    (
        "alpaca",
        "alpaca",
        {
            "instruction": "Name it.",
            "input": "It purrs.",
            "output": "A cat.",
            "system": "Be brief.",
            "history": [["Hi", "Hello"]],
        },
        "system: Be brief. | user: Hi | assistant: Hello | user: Name it.\nIt purrs. | assistant: A cat.",
    ),
    (
        "alpaca with an image",
        "alpaca",
        {"instruction": "<image>Name it.", "input": "", "output": "A cat.", "images": ["a.jpg"]},
        "user: <0>Name it. | assistant: A cat.",
    ),
    (
        "ms-swift query and response",
        "prompt_response",
        {
            "system": "Be brief.",
            "query": "What?",
            "response": "A cat.",
            "history": '[["Hi", "Hello"]]',
            "image": "a.jpg",
        },
        "system: Be brief. | user: <0>Hi | assistant: Hello | user: What? | assistant: A cat.",
    ),
    (
        "question and answer about an image",
        "prompt_response",
        {"question": "What?", "answer": "A cat.", "image": "a.jpg"},
        "user: <0>What? | assistant: A cat.",
    ),
    (
        "trl prompt and completion",
        "prompt_response",
        {"prompt": "The sky is", "completion": " blue.", "image": "a.jpg"},
        "user: <0>The sky is | assistant:  blue.",
    ),
    (
        "trl prompt and completion, conversational",
        "prompt_response",
        {"prompt": [{"role": "user", "content": "Hi"}, DOG, {"role": "user", "content": "What?"}], "completion": [CAT]},
        "user: Hi | context: A dog. | user: What? | assistant: A cat.",
    ),
    (
        "ms-swift boxes",
        "messages",
        {
            "messages": [ASK, {"role": "assistant", "content": "<ref-object><bbox> and <ref-object><bbox> play."}],
            "images": ["a.jpg"],
            "objects": {"ref": ["a dog", "a woman"], "bbox": [[331.5, 761.4, 853.5, 1594.8], [676, 685, 1099, 1427]]},
        },
        "user: <0>What is this? | "
        "assistant: a dog[331.5, 761.4, 853.5, 1594.8] and a woman[676, 685, 1099, 1427] play.",
    ),
    (
        "ms-swift, a point",
        "messages",
        {
            "messages": [ASK, {"role": "assistant", "content": "Action: click(start_box='<bbox>')"}],
            "images": ["a.jpg"],
            "objects": {"ref": [], "bbox": [[615, 226]]},
        },
        "user: <0>What is this? | assistant: Action: click(start_box='[615, 226]')",
    ),
    (
        "verl",
        "verl",
        {
            "data_source": "hiyouga/geometry3k",
            "prompt": [{"role": "user", "content": "<image>Find x. Put the answer in \\boxed{}."}],
            "images": ["a.jpg"],
            "ability": "math",
            "reward_model": {"style": "rule", "ground_truth": "\\frac{3}{4}"},
            "extra_info": {"split": "train", "index": 0, "answer": "\\frac{3}{4}"},
        },
        "user: <0>Find x. Put the answer in \\boxed{}. | ground_truth: \\frac{3}{4}",
    ),
    (
        "verl, with rollouts and a number for a truth",
        "verl",
        {
            "data_source": "openai/gsm8k",
            "prompt": [{"role": "system", "content": "Think."}, {"role": "user", "content": "2 + 2?"}],
            "reward_model": {"style": "rule", "ground_truth": 4},
            "responses": ["4", "5"],
            "rewards": [1.0, 0.0],
        },
        "system: Think. | user: 2 + 2? | ground_truth: 4 | rollout: 4 | rollout: 5",
    ),
    (
        "easyr1",
        "easyr1",
        {"problem": "<image>Find x.", "answer": "12", "images": ["a.jpg"]},
        "user: <0>Find x. | ground_truth: 12",
    ),
    (
        "nemo gym",
        "nemo_rl",
        {
            "responses_create_params": {
                "input": [
                    {
                        "role": "user",
                        "content": [
                            {"type": "input_image", "image_url": "a.jpg"},
                            {"type": "input_text", "text": "Which option?"},
                        ],
                    }
                ]
            },
            "options": [{"A": "cat"}, {"B": "dog"}],
            "expected_answer": "B",
        },
        "user: <0>Which option? | ground_truth: B",
    ),
    (
        "trl grpo",
        "trl_grpo",
        {"prompt": [{"role": "user", "content": "How many?"}], "solution": "$3$", "image": "a.jpg"},
        "user: <0>How many? | ground_truth: $3$",
    ),
    (
        "ms-swift grpo",
        "ms_swift_grpo",
        {"messages": [ASK, CAT, {"role": "user", "content": "How many?"}], "images": ["a.jpg"], "solution": "3"},
        "user: <0>What is this? | context: A cat. | user: How many? | ground_truth: 3",
    ),
]


def text(row: Row) -> str:
    """A row in one line: roles (with a weight of their own), texts, and <n> for the n-th image."""
    turns: list[str] = []
    for m in row.messages:
        weight = "" if m.loss is None else f"*{m.loss:g}"
        turns.append(f"{m.role}{weight}: " + "".join(f"<{p.image}>" if p.text is None else p.text for p in m.parts))
    return " | ".join(turns)
