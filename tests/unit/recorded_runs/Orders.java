import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

/** Orders handled by threads: a list changes while it is read, an entry is missing, or two locks are taken crosswise. */
public class Orders {
    static final List<String> open = new ArrayList<>();
    static final Map<String, String> owners = new HashMap<>();
    static final Object stock = new Object(), till = new Object();
    static final Random random = new Random();

    static void pause(int most) throws InterruptedException { Thread.sleep(random.nextInt(most + 1)); }

    static void report() throws InterruptedException {
        int length = 0;
        for (String order : open) { length += order.length(); pause(1); }
        System.out.println("open orders: " + length);
    }

    static void ship(String order) throws InterruptedException {
        if (owners.containsKey(order)) { pause(6); System.out.println("shipped to " + owners.get(order).trim()); }
    }

    static void take(Object first, Object second) throws InterruptedException {
        synchronized (first) { pause(2); synchronized (second) { open.size(); } }
    }

    static void guarded(String name, Task task, Thread[] others) {
        try { task.run(); } catch (InterruptedException ended) { return; }
    }

    interface Task { void run() throws InterruptedException; }

    static Thread start(String name, Task task) {
        Thread thread = new Thread(() -> guarded(name, task, null), name);
        thread.setUncaughtExceptionHandler((which, error) -> { error.printStackTrace(); System.exit(1); });
        thread.start();
        return thread;
    }

    public static void main(String[] args) throws InterruptedException {
        System.out.println("service " + Integer.toHexString(System.identityHashCode(open)) + " begins");
        for (int i = 0; i < 4; i++) { open.add("order-" + random.nextInt(100)); owners.put("order-" + i, "client " + i); }
        int draw = random.nextInt(5);
        Thread first, second;
        if (draw == 4) { first = start("reader", Orders::report); second = start("writer", () -> { pause(6); open.add("order-x"); }); }
        else if (draw <= 1) { first = start("shipper", () -> ship("order-1")); second = start("cleaner", () -> { pause(4); owners.clear(); }); }
        else if (draw == 2) { first = start("seller", () -> take(stock, till)); second = start("buyer", () -> take(till, stock)); }
        else { first = start("idle", () -> pause(1)); second = start("idler", () -> pause(2)); }
        first.join();
        second.join();
        System.out.println("done after " + System.nanoTime() % 1000000 + " ns");
    }
}
