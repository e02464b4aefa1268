<?php
/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Plugin Name: Pictures in every size without files
 * Description: WordPress notes the sizes of an upload and makes no files for them; httpd's
 *              mod_tmpfs_convert answers for each (docs/recipes.md, WordPress).
 *
 * Put it into wp-content/mu-plugins/. Uploads from before keep the files that they have.
 * Without it everything works too; WordPress then makes its files as ever.
 */

if (!defined('ABSPATH')) {
    return;
}

/* Sizes that are cut elsewhere than from the middle stay with WordPress. */
function tmpfs_convert_is_ours($size)
{
    return !is_array($size['crop']);
}

/* No files: neither of the sizes, nor a smaller "-scaled", nor a turned "-rotated". */
add_filter('intermediate_image_sizes_advanced', function ($sizes) {
    return array_filter($sizes, fn ($size) => !tmpfs_convert_is_ours($size));
});
add_filter('big_image_size_threshold', '__return_false');
add_filter('wp_image_maybe_exif_rotate', '__return_false');

/* What browsers are told of: the sizes that WordPress would have made, of the upright picture. */
add_filter('wp_generate_attachment_metadata', function ($meta, $id) {
    if (empty($meta['width']) || empty($meta['file']) || !wp_attachment_is_image($id)) {
        return $meta;
    }
    if (($meta['image_meta']['orientation'] ?? 1) >= 5 && empty($meta['tmpfs_convert_upright'])) {
        [$meta['width'], $meta['height']] = [$meta['height'], $meta['width']];
        $meta['tmpfs_convert_upright'] = true;
    }
    $path = pathinfo($meta['file']);
    foreach (wp_get_registered_image_subsizes() as $name => $size) {
        $to = tmpfs_convert_is_ours($size)
            ? image_resize_dimensions($meta['width'], $meta['height'], $size['width'], $size['height'], $size['crop'])
            : false;
        if ($to) {
            $meta['sizes'][$name] = [
                'file' => "{$path['filename']}-{$to[4]}x{$to[5]}.{$path['extension']}",
                'width' => $to[4],
                'height' => $to[5],
                'mime-type' => get_post_mime_type($id),
            ];
        }
    }
    return $meta;
}, 10, 2);
