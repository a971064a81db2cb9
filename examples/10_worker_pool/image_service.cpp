// examples/10_worker_pool/image_service.cpp — a pool that resizes, compresses and converts picture files.
// SPDX-License-Identifier: BSL-1.0
//
// The pictures are drawn by the program, as PNG, into a folder that goes with it. In the guide: "Real-World
// Example: Image Processing Service". Its results are bare errors, so that nobody knows which job failed, and its workers
// wait for ever if nobody reads them all. Here each result carries its job, and the workers end with a context. A picture
// that is none, or an operation that nobody knows, is a result like others.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <stdexcept>
#include <string>

#include "../common/guide.hpp"
#include "image.hpp"

namespace {

using images::image;
using std::filesystem::path;

struct job {
    std::string operation;
    path input;
    path output;
};
struct result {
    job done;
    std::string error;
};

void perform(const job& j) {
    if (j.operation == "resize") {
        const image p = images::load(j.input);
        images::save(images::resized(p, p.width / 2, p.height / 2), j.output);
    } else if (j.operation == "compress") {
        images::save(images::load(j.input), j.output, 20);
    } else if (j.operation == "convert") {
        images::save(images::load(j.input), j.output);
    } else {
        throw std::runtime_error("unknown operation: " + j.operation);
    }
}

// [images]
void image_service(const runnel::context& ctx, const runnel::recv_chan<job>& jobs,
                   const runnel::send_chan<result>& results) {
    runnel::wait_group wg;
    for (std::size_t i = 0; i < runnel::num_cpu(); ++i) {
        wg.go([&] {
            while (const auto j = jobs.recv(ctx)) {
                result r{*j, {}};
                try {
                    runnel::blocking([&] { perform(*j); });  // files are read and written
                } catch (const std::exception& e) {
                    r.error = e.what();
                }
                if (results.send(ctx, r) != runnel::op_status::ok) break;
            }
        });
    }
    wg.wait();
    results.close();
}
// [/images]

}  // namespace

int main(int argc, char** argv) {
    long long images = 6;
    guide::parse(argc, argv, {{"--images", images, 1, 10'000}});
    return runnel::run([images] {
        const std::size_t base = runnel::num_goroutine();
        const guide::temporary_folder folder;
        for (long long i = 0; i < images; ++i) {
            images::save(images::draw(160, 120, static_cast<int>(i)),
                         folder / ("in" + std::to_string(i) + ".png"));
        }
        std::ofstream(folder / "broken.png") << "this is no picture\n";

        auto jobs = runnel::make_chan<job>();
        auto results = runnel::make_chan<result>();
        const auto ctx = runnel::with_cancel(runnel::background());
        runnel::go([&] { image_service(ctx, jobs, results); });
        runnel::go([&] {
            for (long long i = 0; i < images; ++i) {
                const std::string n = std::to_string(i);
                const path in = folder / ("in" + n + ".png");
                jobs.send({"resize", in, folder / ("small" + n + ".png")});
                jobs.send({"compress", in, folder / ("light" + n + ".jpg")});
                jobs.send({"convert", in, folder / ("same" + n + ".jpg")});
            }
            jobs.send({"rotate", folder / "in0.png", folder / "x.png"});
            jobs.send({"convert", folder / "broken.png", folder / "x.jpg"});
            jobs.send({"resize", folder / "missing.png", folder / "y.png"});
            jobs.close();
        });

        std::map<std::string, int> done;
        const guide::stopwatch watch;
        for (const result& r : results) {
            if (r.error.empty()) {
                // What was written is read again.
                const image p = images::load(r.done.output);
                ++done[r.done.operation + " to " + r.done.output.extension().string().substr(1) +
                       ", " + std::to_string(p.width) + " x " + std::to_string(p.height)];
            } else {
                std::printf("%s of %s: %s\n", r.done.operation.c_str(),
                            r.done.input.filename().c_str(), r.error.c_str());
            }
        }
        guide::note("%.0f ms\n", watch.milliseconds());
        for (const auto& [what, times] : done) std::printf("%d times %s\n", times, what.c_str());
        int lighter = 0;
        for (long long i = 0; i < images; ++i) {
            const std::string name = std::to_string(i) + ".jpg";
            lighter += file_size(folder / ("light" + name)) < file_size(folder / ("same" + name));
        }
        std::printf("compressed ones that are smaller: %d\n", lighter);
        std::printf("goroutines left: %zu\n", guide::left_behind(base));
        return 0;
    });
}
// Unordered output:
// rotate of in0.png: unknown operation: rotate
// convert of broken.png: unknown image type
// resize of missing.png: can't fopen
// 6 times compress to jpg, 160 x 120
// 6 times convert to jpg, 160 x 120
// 6 times resize to png, 80 x 60
// compressed ones that are smaller: 6
// goroutines left: 0
