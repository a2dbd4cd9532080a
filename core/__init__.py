"""The engine of MedFT Studio. Open the rooms in the order a record travels.

    dataset → model → training → jobs → inference → evaluation → export

It does not know: gradio, plotly, screens.
"""
