"""Ways of writing a conversation that several families share."""

from ops.preflight.contract import Template

CHATML = Template(
    system="<|im_start|>system\n{text}<|im_end|>\n",
    user="<|im_start|>user\n{text}<|im_end|>\n",
    answer_start="<|im_start|>assistant\n",
    answer_end="<|im_end|>\n",
    marks=r"<\|im_start\|>|<\|im_end\|>",
)
"""ChatML, of Qwen and InternVL."""

VICUNA = Template(
    system="{text} ",
    user="USER: {text} ",
    answer_start="ASSISTANT: ",
    answer_end="</s>",
    marks="</s>",
    default_system=(
        "A chat between a curious user and an artificial intelligence assistant. "
        "The assistant gives helpful, detailed, and polite answers to the user's questions."
    ),
)
"""Vicuna v1, of LLaVA (conversation.py)."""

GEMMA = Template(
    system="{text}\n\n",
    user="<start_of_turn>user\n{text}<end_of_turn>\n",
    answer_start="<start_of_turn>model\n",
    answer_end="<end_of_turn>\n",
    marks="<start_of_turn>|<end_of_turn>",
)
"""Gemma's turns."""

IDEFICS = Template(
    system="<|im_start|>System: {text}<end_of_utterance>\n",
    user="User: {text}<end_of_utterance>\n",
    answer_start="Assistant: ",
    answer_end="<end_of_utterance>\n",
    marks=r"<\|im_start\|>|<end_of_utterance>",
)
"""Idefics3 and SmolVLM."""
