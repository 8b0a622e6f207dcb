"""Map: the networks of a zoo as points, near where a model finds them alike; regions of it, and neighbours."""

import streamlit as st

from app import cached, map_data
from app.components.damaged_zoos import show_damaged_zoos
from app.errors import end_page, reported
from app.map import choices_link, colourings, controls, filters
from app.map.about import about_zoo
from app.map.chart import MapView, fitting, is_instant, map_chart, region_rows
from app.map.imports import import_box
from app.map.lasso_link import sync_lasso
from app.map.network import map_network
from app.map.newcomers import newcomer_box
from app.map.quality import quality_line
from app.map.selection import map_selection
from app.map.space import space_chart

st.title("Map")
with st.expander("What am I looking at?", icon=":material/help:"):
    st.markdown(
        "Every point is a trained network. A model reads its **weights** and turns them into a list of numbers, the "
        "*embedding*; UMAP, t-SNE or PCA lays the embeddings out so that networks which the model finds alike lie "
        "close to each other. Compare that with the map of the **raw weights**: as the order of hidden neurons is "
        "arbitrary, networks that do the same may have quite different raw weights. Models *with probes* also run the "
        "networks on chosen inputs, so that their maps are partly maps of what networks show.\n\n"
        "Directions and scales of UMAP and t-SNE mean nothing; only nearness does, and the line below the map says how "
        "far to trust it.\n\n"
        "**Try this**: click a point to select its network; draw a lasso (Shift and drag) round a cluster and look at "
        "its pictures below; click a class in the key to hide it; zoom in until points become pictures; put the map "
        "of the raw weights beside this one."
    )

show_damaged_zoos()
if not cached.zoos():
    st.info("There is no zoo here yet: `ngcore zoo build` makes one.", icon=":material/info:")
    import_box()
    end_page()

with st.container(horizontal=True, vertical_alignment="bottom", key="map-controls"):
    zoo = controls.zoo_choice()
    models = map_data.models_for(zoo.name)
    name, card = controls.model_choice(models, zoo.name)
    method = st.segmented_control(
        "Layout",
        list(map_data.METHOD_NAMES),
        default="umap",
        format_func=map_data.METHOD_NAMES.__getitem__,
        required=True,
        key="map_layout",
        bind="query-params",
    )
    dimensions = st.segmented_control(
        "Dimensions",
        [2, 3],
        default=2,
        format_func=lambda count: f"{count}-D",
        required=True,
        key="map_dimensions",
        bind="query-params",
    )
    limit = controls.limit_choice(zoo)
    second = controls.second_choice(models, name, zoo.name) if dimensions == 2 else None
    below = st.container(horizontal=True, vertical_alignment="bottom", width="content")

with reported(stop=True):
    seen = map_data.with_outliers(map_data.points(zoo, card, limit=limit))
    choices = colourings.choices(zoo, seen)
    view = MapView(zoo, seen, card, method, controls.usual(dimensions))
    with below:
        title = st.selectbox(
            "Colour by",
            list(choices),
            key=f"map_colour_{zoo.name}_{name}",
            bind="query-params",
            format_func=lambda text: text,
            width=200,
            persist_state="session",
        )
        view = fitting(controls.layout_settings(view))
        choices_link.take_from_address(choices)
        filters.filter_widgets(choices)
        choices_link.show_in_address(choices)
    if dimensions == 2 and is_instant(view):
        sync_lasso(view)
    views = [view]
    if second is not None:
        other = map_data.with_outliers(map_data.points(zoo, models.get(second), limit=limit))
        views.append(MapView(zoo, other, models.get(second), view.method, view.parameters))
    for place, one in zip(st.columns(len(views)), views, strict=True):
        with place:
            own = colourings.choices(zoo, one.seen)
            colouring = own.get(title) or next(iter(own.values()))
            if dimensions == 3:
                space_chart(one, own, colouring)
            else:
                map_chart(one, own, colouring)
            quality_line(one)
    filters.show_found(zoo, seen)
    map_network(view)
    newcomer_box(view)
    import_box()
    kept = filters.standing_out(zoo, seen, choices, choices[title])
    map_selection(view, choices, choices[title], kept, region_rows(view))
    about_zoo(zoo)
