// examples/10_worker_pool/image.hpp — pictures: read, written, drawn and resized, by the stb libraries.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <stb_image.h>
#include <stb_image_resize.h>
#include <stb_image_write.h>

#include <cmath>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace images {

struct image {
    int width = 0;
    int height = 0;
    std::vector<unsigned char> rgb;
};

inline image load(const std::filesystem::path& file) {
    image p;
    int channels = 0;
    const std::unique_ptr<unsigned char, void (*)(void*)> data(
        stbi_load(file.c_str(), &p.width, &p.height, &channels, 3), stbi_image_free);
    if (data == nullptr) throw std::runtime_error(stbi_failure_reason());
    p.rgb.assign(data.get(), data.get() + p.width * p.height * 3);
    return p;
}

/// As PNG or JPEG, as the name says.
inline void save(const image& p, const std::filesystem::path& file, int quality = 90) {
    const int written =
        file.extension() == ".png"
            ? stbi_write_png(file.c_str(), p.width, p.height, 3, p.rgb.data(), 0)
            : stbi_write_jpg(file.c_str(), p.width, p.height, 3, p.rgb.data(), quality);
    if (written == 0) throw std::runtime_error("cannot write " + file.filename().string());
}

inline image resized(const image& p, int width, int height) {
    image r{width, height,
            std::vector<unsigned char>(static_cast<std::size_t>(width * height * 3))};
    if (stbir_resize_uint8(p.rgb.data(), p.width, p.height, 0, r.rgb.data(), width, height, 0, 3) ==
        0) {
        throw std::runtime_error("cannot resize");
    }
    return r;
}

/// Rings of colour, different for each seed.
inline image draw(int width, int height, int seed) {
    image p{width, height, {}};
    for (int y = 0; y < height; ++y) {
        for (int x = 0; x < width; ++x) {
            const double d = std::hypot(x - seed * 20, y - height / 2);
            for (const double phase : {0.0, 2.1, 4.2}) {
                const double v = 127.5 + 127.5 * std::sin(d / (5 + seed) + phase);
                p.rgb.push_back(static_cast<unsigned char>(v));
            }
        }
    }
    return p;
}

}  // namespace images
