be_image_tag = "v1.0.0"
fe_image_tag = "v2.0.0"
